/** Steps of a trace as rows of its table. Pure. */
import { formatCount } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { NamedChange, ReferenceTrace, TraceStep } from '#shared/model/references.ts';

export interface TraceRow {
  key: number;
  line: string;
  source: string;
  /** `2`, `immortal`, or a dash before there is an object. */
  count: string;
  /** Of the greatest count, 0 to 1. */
  share: number;
  delta: number | null;
  /** References without a name: C code, the interpreter's stack. */
  unnamed: number;
  note: string;
  gained: string[];
  lost: string[];
}

export function traceRows(trace: ReferenceTrace): TraceRow[] {
  const most = Math.max(1, ...trace.steps.map(({ count }) => count ?? 0));
  let before: TraceStep | null = null;
  return trace.steps.map((step, key) => {
    const comparable = before !== null && before.count !== null && step.count !== null && !step.rebound;
    const delta = comparable ? step.count! - before!.count! : null;
    before = step;
    return {
      key,
      line: step.line === 0 ? '' : String(step.line),
      source: step.line === 0 ? 'before the first line' : step.source,
      count: countText(step),
      share: (step.count ?? 0) / most,
      delta,
      unnamed: step.count === null ? 0 : Math.max(0, step.count - step.named),
      note: noteOf(step),
      gained: step.appeared.map(changeText),
      lost: step.disappeared.map(changeText),
    };
  });
}

function countText({ address, count, state }: TraceStep): string {
  if (address === null) return '–';
  return state === 'counted' ? formatCount(count) : state;
}

function noteOf(step: TraceStep): string {
  if (step.address === null) return '';
  if (step.rebound) return `now ${visibleText(step.text, 60)}`;
  if (step.count === 0) return step.named > 0 ? 'borrowed: the interpreter does not count it' : 'nothing holds it: it would be freed here';
  return '';
}

function changeText({ name, count, kind }: NamedChange): string {
  const what = kind === 'key' ? `key ${name}` : name;
  return visibleText(count > 1 ? `${what} ×${count}` : what, 120);
}

export const EXAMPLE = `a_string = "cornucopia"
reference_a_string = a_string
del reference_a_string
`;
