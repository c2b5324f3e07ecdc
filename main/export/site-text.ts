/** Allocation sites in a report, and in a few words. */
import { formatCount } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { SetSites } from '#shared/model/heap-explore.ts';
import type { ReportAllocations, ReportSite } from './report-model.ts';

/** `handlers.py:88`, with the function's name where there is no file. */
export function shortSite({ functionName, script, line }: Pick<ReportSite, 'functionName' | 'script' | 'line'>): string {
  const file = script.split(/[\\/]/).at(-1) ?? '';
  return file === '' ? functionName : `${file}${line > 0 ? `:${line}` : ''}`;
}

export function reportAllocations(className: string, objects: number, { source, known, unsure, groups }: SetSites): ReportAllocations {
  return {
    className,
    side: 'new',
    objects,
    known,
    sampled: source?.by === 'sampling',
    unsure,
    sites: groups.map((group) => ({
      site: group.site,
      functionName: group.frame.functionName,
      script: group.frame.script,
      line: group.frame.line,
      objects: group.objects,
      shallowBytes: group.shallowBytes,
      share: group.share,
      samples: group.samples,
    })),
  };
}

/** A line of text for a terminal. */
export function siteLine({ sampled }: Pick<ReportAllocations, 'sampled'>, { site, objects }: ReportSite, note: string): string {
  return `${`${sampled ? '≈ ' : ''}${formatCount(objects)}`.padStart(12)}  allocated at ${visibleText(site, 300)}${note ? ` (${note})` : ''}`;
}

/** What has to be known to read the numbers, in a few words; empty when nothing. */
export function allocationNote({ sampled, unsure, known, objects }: ReportAllocations): string {
  const notes = [];
  if (sampled) notes.push(`estimated from ${known} sampled objects`);
  else if (known < objects) notes.push(`${known} of ${objects} have a known origin`);
  if (unsure) notes.push('may be those of earlier objects in the same place');
  return notes.join('; ');
}
