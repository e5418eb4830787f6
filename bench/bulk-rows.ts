import type { Pool } from '../infra/postgres/pool.js';

/** Names of tables and columns stand in the statement as they are: they come from the parts, never from outside. */
export interface Copies {
  readonly table: 'sessions' | 'events';
  /** The row that is copied, by its column `id`. */
  readonly id: string;
  readonly count: number;
  /** What differs in copy `n`: columns and the SQL that makes them, as JSON values. */
  readonly changed: Readonly<Record<string, string>>;
}

/** Makes many rows out of one, in one statement, and has Postgres look at the table anew, as its autovacuum would in time. */
export async function copyRow(rows: Pool, { table, id, count, changed }: Copies): Promise<void> {
  const { rows: columns } = await rows.query<{ name: string }>(
    `select column_name as name from information_schema.columns
     where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER' and is_identity = 'NO' order by ordinal_position`,
    [table],
  );
  const names = columns.map(({ name }) => `"${name}"`);
  const differences = Object.entries(changed).map(([column, sql]) => `'${column}', ${sql}`);
  await rows.query(
    `insert into ${table} (${names.join(', ')})
     select ${names.map((name) => `copy.${name}`).join(', ')}
     from ${table} original, generate_series(1, $2::int) n,
       lateral jsonb_populate_record(original, jsonb_build_object(${differences.join(', ')})) copy
     where original.id = $1`,
    [id, count],
  );
  await rows.query(`vacuum (analyze) ${table}`);
}
