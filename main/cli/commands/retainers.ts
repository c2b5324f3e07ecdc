/** `heaphouse retainers`: what holds the objects of a class. */
import { classRows, nodesOfClass } from '#main/heap/classes.ts';
import type { Heap } from '#main/heap/heap.ts';
import { holdersOf } from '#main/heap/holders.ts';
import { nodeSetRows } from '#main/heap/nodes.ts';
import { pathsToRoot } from '#main/heap/paths.ts';
import { setSites } from '#main/heap/set-sites.ts';
import { groupLabel } from '#main/export/holder-text.ts';
import type { ReportAllocations } from '#main/export/report-model.ts';
import { allocationNote, reportAllocations, siteLine } from '#main/export/site-text.ts';
import { jsonDocument } from '#main/export/to-json.ts';
import { toHeaphouseError } from '#main/hosts/analysis/heap-errors.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { MAX_PAGE_ROWS, type ClassRow, type HolderGroup, type NodeRef } from '#shared/model/heap.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import { classMatches } from '../gates.ts';
import type { RetainersInvocation } from '../invocation.ts';
import { loadHeap } from '../load-heap.ts';

const HOLDER_GROUPS = 10;
const SUGGESTIONS = 5;
/** V8's root has no name. */
/** Root, `(GC roots)` and one group below it: their edges only count. */
const GROUP_STEPS = 2;
const ROOT_NAME = '(root)';

interface PathStepText {
  edge: string;
  node: string;
  id: number;
}

interface RetainedObject {
  id: number;
  name: string;
  shallowBytes: number;
  retainedBytes: number | null;
  paths: PathStepText[][];
  /** False: there may be more paths than were asked for or found in time. */
  pathsComplete: boolean;
}

export async function runRetainers(invocation: RetainersInvocation, context: CommandContext): Promise<ExitCode> {
  const { heap } = await loadHeap(invocation.file, context);
  const run = { signal: context.signal };
  try {
    const classes = await matchingClasses(heap, invocation.className, context.signal);
    const ordinals = joined(classes.map((row) => nodesOfClass(heap, row.classIndex)));
    const holders = await holdersOf(heap, ordinals, { limit: HOLDER_GROUPS, ...run });
    const sites = await setSites(heap, ordinals, { limit: HOLDER_GROUPS, ...run });
    const page = await nodeSetRows(
      heap,
      ordinals,
      { start: 0, end: Math.min(invocation.top, MAX_PAGE_ROWS), sort: { by: 'retainedBytes', order: 'descending' } },
      run,
    );
    const objects: RetainedObject[] = [];
    for (const [done, row] of page.rows.entries()) {
      context.progress.update('paths to roots', { phase: 'objects', done, total: page.rows.length, unit: 'objects' });
      const { paths, complete } = await pathsToRoot(heap, row.ordinal, { limit: invocation.paths, ...run });
      objects.push({
        id: row.id,
        name: row.name,
        shallowBytes: row.shallowBytes,
        retainedBytes: row.retainedBytes,
        paths: paths.map(({ steps }) => steps.map(({ edgeName, node }, index) => ({ edge: edgeName, node: index === 0 ? ROOT_NAME : nodeText(node), id: node.id }))),
        pathsComplete: complete,
      });
    }
    context.progress.clear();
    const names = [...new Set(classes.map((row) => row.name))];
    const allocated = sites.known > 0 ? reportAllocations(names.join(', '), ordinals.length, sites) : null;
    if (invocation.format === 'json') await context.out.writeAll(toJson(names, ordinals.length, holders, allocated, objects));
    else await context.out.write(toText(names, ordinals.length, holders, allocated, objects));
    return EXIT.fine;
  } catch (error) {
    throw toHeaphouseError(error, invocation.file);
  }
}

async function matchingClasses(heap: Heap, name: string, signal: AbortSignal): Promise<ClassRow[]> {
  const all: ClassRow[] = [];
  for (;;) {
    const page = await classRows(heap, { start: all.length, end: all.length + MAX_PAGE_ROWS }, { signal });
    all.push(...page.rows);
    if (page.rows.length === 0 || all.length >= page.total) break;
  }
  const exact = all.filter((row) => row.name === name);
  const matching = exact.length > 0 ? exact : all.filter((row) => classMatches(row.name, name));
  if (matching.length > 0) return matching;
  const close = all.filter((row) => row.name.toLowerCase().includes(name.toLowerCase())).slice(0, SUGGESTIONS);
  throw new HeaphouseError('not-found', `There is no class "${visibleText(name)}" in the snapshot.`, {
    advice:
      close.length > 0
        ? `Classes with that in their name: ${close.map((row) => visibleText(row.name, 80)).join(', ')}.`
        : 'heaphouse summary lists the classes.',
  });
}

function joined(sets: Uint32Array[]): Uint32Array {
  if (sets.length === 1) return sets[0]!;
  const all = new Uint32Array(sets.reduce((sum, set) => sum + set.length, 0));
  let offset = 0;
  for (const set of sets) {
    all.set(set, offset);
    offset += set.length;
  }
  return all;
}

function toJson(classNames: string[], count: number, holders: readonly HolderGroup[], allocated: ReportAllocations | null, objects: RetainedObject[]): Generator<string> {
  return jsonDocument(
    {
      schema: 'heaphouse.retainers',
      version: 1,
      classes: classNames,
      totals: { objects: count },
      holders: holders.map(({ holder, steps, objects: held, shallowBytes, retainedBytes, example }) => ({
        holder,
        steps,
        objects: held,
        shallowBytes,
        retainedBytes,
        example: { id: example.id, name: example.name },
      })),
      allocations: allocated && { known: allocated.known, sampled: allocated.sampled, unsure: allocated.unsure, sites: allocated.sites },
      objects,
      cuts: objects.length < count ? [`The ${objects.length} objects that retain most, of ${count}.`] : [],
    },
    ['holders', 'objects'],
  );
}

function toText(classNames: string[], count: number, holders: readonly HolderGroup[], allocated: ReportAllocations | null, objects: RetainedObject[]): string {
  const lines = [`${formatCountOf(count, 'object')} of ${classNames.map((name) => visibleText(name)).join(', ')}`, ''];
  for (const group of holders) {
    const retained = group.retainedBytes === null ? '' : `, ${formatBytes(group.retainedBytes)} retained`;
    lines.push(`${formatCount(group.objects).padStart(12)}  held by ${visibleText(groupLabel(group, holders), 300)}${retained}`);
  }
  for (const [index, site] of (allocated?.sites ?? []).entries()) lines.push(siteLine(allocated!, site, index === 0 ? allocationNote(allocated!) : ''));
  for (const object of objects) {
    lines.push('', `${visibleText(object.name)} @${object.id}  ${formatBytes(object.retainedBytes)} retained`);
    if (object.paths.length === 0) lines.push('  nothing the program can reach holds it');
    for (const path of object.paths) lines.push(`  ${path.map(stepText).join(' → ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** An anonymous function or an internal table has no name of its own; its class says more than nothing. */
const nodeText = ({ name, className, kind }: NodeRef) => name.trim() || className.trim() || kind;

/** `_cache (dict)`, `[17] (Session)`; the numbered edges between roots and their groups say nothing and are left out. */
function stepText({ edge, node }: PathStepText, index: number): string {
  const isNumber = /^\d+$/.test(edge);
  if (edge === '' || (isNumber && index <= GROUP_STEPS)) return visibleText(node, 100);
  return `${visibleText(isNumber ? `[${edge}]` : edge, 80)} (${visibleText(node, 100)})`;
}
