/** The classes of a comparison as CSV: one line a class, columns `side` + `Measure`; see docs/formats.md. */
import { csvLine } from '#shared/format/csv.ts';
import { COMPARISON_CELLS, type ComparisonReport } from './report-model.ts';

const MEASURES = ['objects', 'shallowBytes', 'retainedBytes'] as const;

const capitalised = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

export function* comparisonToCsv(report: ComparisonReport): Generator<string> {
  const columns = COMPARISON_CELLS.flatMap((cell) => MEASURES.map((measure) => `${cell}${capitalised(measure)}`));
  yield csvLine(['class', 'kind', ...columns, 'heldBy', 'heldByObjects', 'allocatedAt', 'allocatedAtObjects', 'allocatedAtShare', 'allocatedAtSampled']);
  const holders = new Map(report.holders.map((entry) => [entry.className, entry.groups[0]]));
  const allocations = new Map(report.allocations.map((entry) => [entry.className, entry]));
  for (const row of report.classes) {
    const allocated = allocations.get(row.name);
    const site = allocated?.sites[0];
    const group = holders.get(row.name);
    yield csvLine([
      row.name,
      row.kind,
      ...COMPARISON_CELLS.flatMap((cell) => MEASURES.map((measure) => row[cell][measure])),
      group?.holder ?? null,
      group?.objects ?? null,
      site ? `${site.site}${allocated?.unsure ? ' (unsure)' : ''}` : null,
      site?.objects ?? null,
      site ? Number(site.share.toFixed(4)) : null,
      site ? String(allocated?.sampled) : null,
    ]);
  }
}
