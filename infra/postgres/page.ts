import { toText } from './json.js';

/** Where a row stands in a list ordered by time of creation: microseconds since the epoch, then the id. */
export interface Position {
  readonly at: number;
  readonly id: string;
}

/** One page of a list: rows after a position, in an order. One row more than the limit is asked for, to know whether there is more. */
export interface PageRequest {
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly after?: Position | undefined;
}

export interface Page<T> {
  readonly items: readonly (T & { readonly position: Position })[];
  readonly more: boolean;
}

/** Bounds on a time; each given one holds. */
export interface TimeRange {
  readonly gt?: Date | undefined;
  readonly gte?: Date | undefined;
  readonly lt?: Date | undefined;
  readonly lte?: Date | undefined;
}

/** Collects conditions and their values for one statement; conditions are literals of the repository, values are always bound. */
export function createFilter() {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(storable(value))}`;
  return {
    values,
    bind,
    /** Adds a condition on a value, unless the value is absent. */
    where(value: unknown, condition: (parameter: string) => string) {
      if (value !== undefined) conditions.push(condition(bind(value)));
    },
    raw(condition: string) {
      conditions.push(condition);
    },
    within(column: string, range: TimeRange | undefined) {
      this.where(range?.gt, (parameter) => `${column} > ${parameter}`);
      this.where(range?.gte, (parameter) => `${column} >= ${parameter}`);
      this.where(range?.lt, (parameter) => `${column} < ${parameter}`);
      this.where(range?.lte, (parameter) => `${column} <= ${parameter}`);
    },
    after(column: string, page: PageRequest) {
      if (!page.after) return;
      const sign = page.order === 'asc' ? '>' : '<';
      const at = `timestamptz 'epoch' + ${bind(page.after.at)}::bigint * interval '1 microsecond'`;
      conditions.push(`(${column}, id) ${sign} (${at}, ${bind(page.after.id)}::text)`);
    },
    get sql() {
      return conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    },
  };
}

/** What no row can hold, no filter can find; Postgres would refuse it. */
const storable = (value: unknown): unknown => (typeof value === 'string' ? toText(value) : Array.isArray(value) ? value.map(storable) : value);

/** The select item that `toPage` reads a row's position from. */
export const positionOf = (column: string): string => `jsonb_build_object('at', (extract(epoch from ${column}) * 1000000)::bigint, 'id', id) as position`;

/** A page of rows; those of a statement cut by `withinBytes` say how many there were. */
export function toPage<T>(rows: readonly (T & { readonly position: Position; readonly found?: number })[], limit: number): Page<T> {
  const items = rows.slice(0, limit);
  return { items, more: (rows[0]?.found ?? rows.length) > items.length };
}

/** Most bytes of stored content in one page; a page has at least one row, however heavy. */
export const PAGE_BYTES = 32_000_000;

/**
 * The rows of a page's statement, in its order, up to the one that makes the page too heavy. Each row has `bytes`; added is
 * `found`, the number of rows there were. What is cut off never leaves the database.
 */
export const withinBytes = (statement: string, order: string): string =>
  `select counted.* from (
     select page.*, sum(bytes) over places as weight, row_number() over places as place, count(*) over () as found
     from (${statement}) page window places as (order by ${order})) counted
   where place = 1 or weight <= ${PAGE_BYTES} order by place`;
