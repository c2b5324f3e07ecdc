/** How objects and references of a heap are written, the same in every view. All text passes `visibleText`. */
import { visibleText } from '#shared/format/visible-text.ts';
import type { EdgeRow, NodeRef, PathStep } from '#shared/model/heap.ts';
import type { CellPart } from '../../components/tree-table/columns.ts';

const MAX_NAME_CHARS = 160;
const STRING_KINDS = new Set(['string', 'concatenated string', 'sliced string']);

export function isStringKind(kind: string): boolean {
  return STRING_KINDS.has(kind);
}

/** `"GET /index"`, `__main__.Session`, `(closure) handler`. */
export function nodeName(node: NodeRef): string {
  const name = visibleText(node.name, MAX_NAME_CHARS);
  if (isStringKind(node.kind)) return `"${name}"`;
  return name === '' ? visibleText(node.className, MAX_NAME_CHARS) || `(${node.kind})` : name;
}

/** Name, class where it says more than the name, and heap id. */
export function nodeParts(node: NodeRef): CellPart[] {
  const parts: CellPart[] = [{ text: nodeName(node), tone: isStringKind(node.kind) ? 'string' : 'strong' }];
  const className = visibleText(node.className, MAX_NAME_CHARS);
  if (node.detached) parts.push({ text: ' detached', tone: 'warn' });
  if (className !== '' && className !== nodeName(node) && !isStringKind(node.kind)) parts.push({ text: ` ${className}`, tone: 'muted' });
  parts.push({ text: ` @${node.id}`, tone: 'muted' });
  return parts;
}

export function nodeTitle(node: NodeRef): string {
  return `${visibleText(node.name, 500)}\n${visibleText(node.className, 200)} (${node.kind}) @${node.id}`;
}

/** `.cache`, `[3]`, `["user id"]`, `<map>` for what belongs to the runtime. */
export function edgeText(edge: { edgeName: string; edgeKind: string; system?: boolean }): string {
  const name = visibleText(edge.edgeName, MAX_NAME_CHARS);
  if (name === '') return '';
  if (edge.edgeKind === 'element') return /^\[/.test(name) ? name : `[${name}]`;
  if (edge.edgeKind === 'property') return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : /^[[.<("']/.test(name) ? name : `["${name}"]`;
  if (edge.edgeKind === 'internal' || edge.edgeKind === 'hidden') return /^[<(\[]/.test(name) ? name : `<${name}>`;
  return name;
}

export function fieldParts(edge: EdgeRow): CellPart[] {
  const muted = edge.system || edge.weak;
  const parts: CellPart[] = [{ text: edgeText(edge) || '(unnamed)', tone: muted ? 'muted' : 'keyword' }];
  if (edge.weak) parts.push({ text: ' weak', tone: 'warn' });
  parts.push({ text: ' → ', tone: 'muted' }, ...nodeParts(edge.node));
  return parts;
}

export function retainerParts(edge: EdgeRow): CellPart[] {
  const muted = edge.system || edge.weak;
  const parts: CellPart[] = [{ text: edgeText(edge) || '(unnamed)', tone: muted ? 'muted' : 'keyword' }];
  if (edge.weak) parts.push({ text: ' weak', tone: 'warn' });
  parts.push({ text: ' in ', tone: 'muted' }, ...nodeParts(edge.node));
  return parts;
}

/** One path as one line: `module app.handlers → ._cache (dict) → [*] → Session`. */
export function pathLine(steps: readonly PathStep[]): string {
  return steps
    .filter((step, index) => !step.system || index === steps.length - 1)
    .map((step) => `${edgeText(step)}${step.edgeName ? ' ' : ''}${nodeName(step.node)}`.trim())
    .join(' → ');
}

/** The heap id in `@123` or `123`, or null when the text is not one. */
export function parseHeapId(text: string): number | null {
  const match = /^\s*@(\d{1,15})\s*$/.exec(text);
  return match?.[1] ? Number(match[1]) : null;
}
