/**
 * Gates for CI: `--fail-on 'NAME:+N'` fails the run when a class grew by more than N.
 *
 *   NAME:+1000     more than 1,000 objects more        NAME:+0    any more objects
 *   NAME:+5MiB     more than 5 MiB retained more       *:+20MiB   all objects together, by their own size
 *
 * NAME is a class, whole (`__main__.Session`) or its last part (`Session`, after a dot or a slash); every class it
 * matches counts, and the growth of all of them is added up. Units: B, KiB, MiB, GiB, KB, MB, GB.
 */
import { formatBytesDelta } from '#shared/format/bytes.ts';
import { formatCountDelta } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { Amounts, ReportClass } from '#main/export/report-model.ts';

export const GATE_GRAMMAR = "NAME:+N or NAME:+SIZE, for example 'Request:+1000', '__main__.Session:+0', 'Buffer:+5MiB' or '*:+20MiB'";

export interface Gate {
  text: string;
  /** `*` for everything. */
  name: string;
  measure: 'objects' | 'bytes';
  limit: number;
}

export interface GateResult {
  gate: Gate;
  passed: boolean;
  growth: number;
  /** Classes the name matched in either snapshot. */
  matched: string[];
  /** One line for people. */
  line: string;
}

const UNITS: Record<string, number> = {
  B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, KB: 1e3, kB: 1e3, MB: 1e6, GB: 1e9,
};

/** Null when the text is no gate. */
export function parseGate(text: string): Gate | null {
  const parts = /^(.+):\+(\d[\d_]*(?:\.\d+)?) ?(B|[KMG]iB|[KkMG]B)?$/su.exec(text);
  if (!parts) return null;
  const [, name, digits, unit] = parts as unknown as [string, string, string, string | undefined];
  if (name.trim() === '') return null;
  const number = Number(digits.replaceAll('_', ''));
  const limit = unit === undefined ? number : number * UNITS[unit]!;
  if (!Number.isFinite(limit) || (unit === undefined && !Number.isSafeInteger(limit))) return null;
  return { text, name: name.trim(), measure: unit === undefined ? 'objects' : 'bytes', limit };
}

/** Whether a class goes by this name: the whole of it, or what stands after its last dot or slash. */
export function classMatches(className: string, name: string): boolean {
  if (className === name) return true;
  const last = className.length - name.length;
  return last > 0 && className.endsWith(name) && ['.', '/', ' '].includes(className[last - 1]!);
}

export function checkGate(gate: Gate, classes: readonly Pick<ReportClass, 'name' | 'delta'>[], totals: Amounts): GateResult {
  const format = gate.measure === 'objects' ? formatCountDelta : formatBytesDelta;
  const shown = visibleText(gate.name, 200);
  const limit = `limit ${gate.limit === 0 ? '+0' : format(gate.limit)}`;
  if (gate.name === '*') {
    const growth = gate.measure === 'objects' ? totals.delta.objects : totals.delta.shallowBytes;
    return { gate, growth, passed: growth <= gate.limit, matched: ['*'], line: verdict(growth <= gate.limit, `all objects ${format(growth)}`, limit) };
  }
  const matched = classes.filter((row) => classMatches(row.name, gate.name));
  const growth = matched.reduce((sum, row) => sum + (gate.measure === 'objects' ? row.delta.objects : row.delta.retainedBytes), 0);
  const passed = growth <= gate.limit;
  const what = matched.length === 0 ? `no class "${shown}" in either snapshot` : `${shown} ${format(growth)}${gate.measure === 'bytes' ? ' retained' : ' objects'}`;
  return { gate, growth, passed, matched: matched.map((row) => row.name), line: verdict(passed, what, limit) };
}

const verdict = (passed: boolean, what: string, limit: string) => `${passed ? 'gate passed' : 'GATE FAILED'}: ${what} (${limit})`;
