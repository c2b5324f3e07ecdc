/** The one sentence of a report. */
import { formatBytesDelta } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta, formatCountOf } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { growthScore } from './growth-rank.ts';
import type { Amounts, ReportAllocations, ReportClass, ReportHeadline, ReportHolders } from './report-model.ts';
import { shortSite } from './site-text.ts';

/** A group that covers less than this much of the new objects is named with its share. */
const NEARLY_ALL = 0.9;

/** Growth below both of these is called little: the noise of a program that stands still. */
const LITTLE_BYTES = 64 * 1024;
const LITTLE_SHARE = 0.001;

const name = (text: string) => `\`${visibleText(text, 160).replaceAll('`', "'")}\``;

/** `classes` in order of growth. */
export function writeHeadline(classes: readonly ReportClass[], holders: readonly ReportHolders[], totals: Amounts, allocations: readonly ReportAllocations[] = []): ReportHeadline {
  const leader = classes[0];
  if (!leader || growthScore(leader) === 0) {
    const change = totals.delta.shallowBytes;
    const rest = change > 0 ? ` The heap itself is ${formatBytesDelta(change)}: objects that were there before have grown.` : '';
    return { text: `Nothing grew: no class has more objects than before.${rest}`, className: null, objects: 0, retainedBytes: 0, holder: null, allocatedAt: null };
  }
  const { objects, retainedBytes } = leader.delta;
  const little = retainedBytes < LITTLE_BYTES && retainedBytes < totals.compared.shallowBytes * LITTLE_SHARE;
  const held = holders.find((entry) => entry.className === leader.name);
  const group = held?.groups[0];
  let text = `${little ? 'Little grew: ' : ''}${formatCountDelta(objects)} ${name(leader.name)} ${objects === 1 ? 'object' : 'objects'}, `;
  text += `${formatBytesDelta(retainedBytes)} retained`;
  if (held && group) {
    const share = group.objects >= held.objects * NEARLY_ALL ? '' : `${formatCount(group.objects)} of ${formatCount(held.objects)} new ones `;
    text += `, ${share}held by ${name(group.holder)}`;
  }
  const allocated = allocations.find((entry) => entry.className === leader.name);
  const site = allocated?.sites[0];
  const allocatedAt = site && !allocated.unsure ? shortSite(site) : null;
  if (site && allocatedAt !== null) {
    const most = site.share >= NEARLY_ALL ? 'each' : `${formatShare(site.share, 1)} of ${allocated.sampled || allocated.known === allocated.objects ? 'them' : `the ${formatCount(allocated.known)} with a known origin`}`;
    text += `; ${most} allocated at ${name(allocatedAt)}${allocated.sampled ? ` (${formatCountOf(allocated.known, 'sample')})` : ''}`;
  }
  return { text: `${text}.`, className: leader.name, objects, retainedBytes, holder: group?.holder ?? null, allocatedAt };
}
