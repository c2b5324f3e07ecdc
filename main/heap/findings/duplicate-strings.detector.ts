import { objectsOfString, stringValues } from '../string-table.ts';
import { textOf } from '../strings.ts';
import type { Detector } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, percent } from './words.ts';

const SHARE = 0.02;
const BYTES = 512 * 1024;
/** Values named, by what they waste. */
const TOP = 8;

export const duplicateStrings: Detector = {
  id: 'duplicate-strings',
  title: 'Duplicate strings',
  async detect(context) {
    const { heap, wholeBytes, run } = context;
    const values = await stringValues(heap, run);
    if (!isWorthwhile(values.duplicateBytes, context, SHARE, BYTES)) return [];
    const { duplicates } = values;
    const top = Array.from({ length: duplicates.count }, (_, i) => i)
      .sort((a, b) => Number(duplicates.key('wastedBytes', b)) - Number(duplicates.key('wastedBytes', a)))
      .slice(0, TOP)
      .map((i) => duplicates.row(i));
    const first = top[0]!;
    return [
      {
        key: 'all',
        title: `${bytes(values.duplicateBytes)} in strings that are there more than once`,
        saw:
          `${amount(duplicates.count)} values are held by more than one string object each; all but one of each take ${bytes(values.duplicateBytes)} ` +
          `(${percent(values.duplicateBytes, wholeBytes)}). The largest part: ${amount(first.objects)} times ${JSON.stringify(textOf(heap.strings, values.rows[first.stringId]!.string, 60))}, ${bytes(first.wastedBytes)}.`,
        why: 'Each of them takes memory of its own though they say the same; that happens when they are read from files, sockets or databases.',
        advice:
          heap.producer === 'cpython'
            ? 'Pass values that repeat (names of columns, states, countries) through sys.intern, or keep one object per value in a dict.'
            : 'Keep one string per value in a Map where they are read, so that all objects share it.',
        confidence: 'medium',
        bytes: values.duplicateBytes,
        about: -1,
        links: top.map((row) => ({ label: `${amount(row.objects)} times, ${bytes(row.wastedBytes)} wasted`, ordinal: row.example.ordinal })),
        ordinals: await objectsOfString(values, first.stringId, run),
      },
    ];
  },
};
