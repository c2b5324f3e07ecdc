/** Splits arguments into options and operands, after a table of what is known. Pure. */
import { isForeignSwitch } from './chromium-switches.ts';

export interface OptionSpec {
  /** `--out`; a short form may stand in `alias`. */
  name: string;
  alias?: string;
  takesValue: boolean;
  /** The value may be left out: the next argument is one only when it looks like this. Without: ''. */
  optionalValue?: RegExp;
  repeatable?: boolean;
}

export interface SplitArguments {
  operands: string[];
  /** By name without dashes; a flag has the single value ''. */
  options: Map<string, string[]>;
  /** Everything after `--`; null when there is none. */
  rest: string[] | null;
}

export class UsageError extends Error {}

export function splitArguments(argv: readonly string[], specs: readonly OptionSpec[]): SplitArguments {
  const result: SplitArguments = { operands: [], options: new Map(), rest: null };
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    if (argument === '--') {
      result.rest = argv.slice(index + 1);
      break;
    }
    if (!argument.startsWith('-') || argument === '-') {
      result.operands.push(argument);
      continue;
    }
    const equals = argument.startsWith('--') ? argument.indexOf('=') : -1;
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const spec = specs.find((known) => known.name === name || known.alias === name);
    if (!spec) {
      if (isForeignSwitch(argument)) continue;
      throw new UsageError(`There is no option ${name}.${nearest(name, specs)}`);
    }
    const key = spec.name.slice(2);
    const values = result.options.get(key) ?? [];
    if (values.length > 0 && !spec.repeatable) throw new UsageError(`${spec.name} is given twice.`);
    if (spec.optionalValue && equals < 0) {
      const next = argv[index + 1];
      const given = next !== undefined && spec.optionalValue.test(next);
      if (given) index++;
      result.options.set(key, [...values, given ? next : '']);
      continue;
    }
    if (!spec.takesValue) {
      if (equals >= 0) throw new UsageError(`${spec.name} takes no value.`);
      values.push('');
    } else if (equals >= 0) {
      values.push(argument.slice(equals + 1));
    } else {
      const value = argv[index + 1];
      if (value === undefined || value === '--') throw new UsageError(`${spec.name} needs a value.`);
      values.push(value);
      index++;
    }
    if (spec.takesValue && values.at(-1) === '') throw new UsageError(`${spec.name} needs a value that is not empty.`);
    result.options.set(key, values);
  }
  return result;
}

/** ` Did you mean --out?` for a near miss. */
function nearest(name: string, specs: readonly OptionSpec[]): string {
  const close = specs.find((spec) => spec.name.startsWith(name) || name.startsWith(spec.name) || editDistanceIsSmall(spec.name, name));
  return close ? ` Did you mean ${close.name}?` : '';
}

/** At most two edits between two short words. */
export function editDistanceIsSmall(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 2 || a.length > 40 || b.length > 40) return false;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]! <= 2;
}
