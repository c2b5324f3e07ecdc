/** What bounds the memory of a process, in the few figures that are always on screen. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatPercent } from '#shared/format/percent.ts';
import type { MemoryLimits, SegmentList } from '#shared/model/memory.ts';
import type { Figure } from '../memory/FigureTiles.vue';

/** From here on a group is close to its end. */
const NEAR_LIMIT = 0.9;

export function segmentFigures({ total, kernelTotal, threads }: SegmentList): Figure[] {
  const bytes = (id: string, label: string, value: number, title: string): Figure => ({ id, label, value: formatBytes(value), title: `${title}\n${formatBytesExact(value)}` });
  const kernel = kernelTotal ? `\nThe kernel's own sum: ${formatBytesExact(kernelTotal.residentBytes)}` : '';
  return [
    { ...bytes('resident', 'Resident', total.residentBytes, 'Pages in memory now (RSS)'), title: `Pages in memory now (RSS)\n${formatBytesExact(total.residentBytes)}${kernel}` },
    bytes('proportional', 'Proportional', total.proportionalBytes, 'Shared pages divided by how many processes share them (PSS)'),
    bytes('private-dirty', 'Private dirty', total.privateDirtyBytes, 'What the end of this process would give back'),
    bytes('swapped', 'Swapped', total.swappedBytes, 'Moved to the swap device'),
    bytes('virtual', 'Virtual', total.virtualBytes, 'Addresses set aside; costs no memory by itself'),
    ...(threads === null ? [] : [{ id: 'threads', label: 'Threads', value: formatCount(threads) }]),
  ];
}

export function limitFigures({ cgroup, oomScore, oomScoreAdjustment }: MemoryLimits): Figure[] {
  const figures: Figure[] = [];
  if (cgroup) {
    const { currentBytes, limitBytes } = cgroup;
    const share = currentBytes !== null && limitBytes !== null && limitBytes > 0 ? currentBytes / limitBytes : null;
    figures.push({
      id: 'cgroup',
      label: 'Control group',
      value: currentBytes === null ? formatBytes(limitBytes) : formatBytes(currentBytes),
      detail: limitBytes === null ? 'no limit' : share === null ? 'limit' : `${formatPercent(share)} of ${formatBytes(limitBytes)}`,
      fraction: share,
      tone: share !== null && share >= NEAR_LIMIT ? 'danger' : 'normal',
      title: `All processes of the group, with its file cache\n${formatBytesExact(currentBytes)}${limitBytes === null ? '' : `\nBeyond ${formatBytesExact(limitBytes)} the kernel ends one of them`}`,
    });
    const kills = cgroup.events.find(({ name }) => name === 'oom_kill');
    if (kills && kills.count > 0) figures.push({ id: 'oom-kills', label: 'Killed for memory', value: formatCount(kills.count), tone: 'danger', title: kills.explanation });
  }
  if (oomScore !== null) {
    figures.push({
      id: 'oom-score',
      label: 'Kill order',
      value: formatCount(oomScore),
      detail: oomScoreAdjustment === null || oomScoreAdjustment === 0 ? 'out-of-memory score' : `adjusted by ${oomScoreAdjustment}`,
      title: 'When memory runs out, the process with the highest score is ended first (oom_score; 1,000 is all of the memory)',
    });
  }
  return figures;
}
