/** Values and columns of an answer as plain, bounded data that can cross to the page. */
import { DuckDBTypeId, type DuckDBResultReader, type DuckDBValue } from '@duckdb/node-api';
import { MAX_QUERY_CELL_CHARS, type QueryColumn, type QueryValue } from '#shared/model/heap-query.ts';
import { cutText } from '#shared/format/visible-text.ts';

const INTEGERS: readonly DuckDBTypeId[] = [
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
];
const NUMBERS: readonly DuckDBTypeId[] = [...INTEGERS, DuckDBTypeId.FLOAT, DuckDBTypeId.DOUBLE, DuckDBTypeId.DECIMAL];

/** Columns named `node`, `something_node` or `dominator` are objects; those that begin with `base_` are of the base. */
export function queryColumns(reader: DuckDBResultReader, hasBase: boolean): QueryColumn[] {
  return reader.columnNames().map((name, index) => {
    const id = reader.columnTypeId(index);
    const object = INTEGERS.includes(id) && /(^|_)(node|dominator)$/i.test(name);
    const ofBase = object && /^base_/i.test(name);
    return {
      name,
      type: String(reader.columnType(index)),
      numeric: NUMBERS.includes(id),
      objects: !object || (ofBase && !hasBase) ? null : ofBase ? 'base' : 'this',
    };
  });
}

/** Numbers beyond 2^53, and everything that is no number, text or truth value, become text. */
export function plainValue(value: DuckDBValue | undefined, numeric: boolean): QueryValue {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
    case 'string':
      return cutText(value, MAX_QUERY_CELL_CHARS);
    default: {
      const text = String(value);
      const number = numeric ? Number(text) : Number.NaN;
      return Number.isFinite(number) ? number : cutText(text, MAX_QUERY_CELL_CHARS);
    }
  }
}
