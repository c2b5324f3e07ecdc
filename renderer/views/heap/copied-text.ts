import { formatCountOf } from '#shared/format/counts.ts';

export function copiedText(rows: number, truncated: boolean): string {
  return `${formatCountOf(rows, 'row')} copied${truncated ? ' (the first of the selection)' : ''}`;
}
