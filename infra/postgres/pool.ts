import pg from 'pg';
import type { Logger } from 'pino';

export type Pool = pg.Pool;

/** What a repository function needs: the same in and out of a transaction. */
export type Db = Pick<pg.ClientBase, 'query'>;

// int8 arrives as text; every int8 of ours (seq, fence, position, milliseconds) fits a double exactly.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** One pool for a process. Errors of idle clients (a server restart) are logged, never thrown. */
export function createPool(options: { readonly url: string; readonly size: number; readonly name: string; readonly log: Logger }): Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    application_name: options.name,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  pool.on('error', (error) => options.log.warn({ error: error.message }, 'idle database connection lost'));
  return pool;
}

/** A connection of its own, for LISTEN. */
export const createListenerClient = (url: string, name: string): pg.Client =>
  new pg.Client({ connectionString: url, application_name: name, keepAlive: true });
