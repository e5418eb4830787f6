import pg from 'pg';
import type { Logger } from 'pino';

export type Pool = pg.Pool;

/** What a repository function needs: the same in and out of a transaction. */
export type Db = Pick<pg.ClientBase, 'query'>;

// int8 arrives as text; every int8 of ours (seq, fence, position, milliseconds) fits a double exactly.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Milliseconds. Nobody waits long for a session's row, and a process that froze inside a transaction loses it, so that one
 * locked session never takes a process's connections away from all others.
 */
const TIMEOUTS = { lock_timeout: 5_000, idle_in_transaction_session_timeout: 10_000, statement_timeout: 30_000 };

/** One pool for a process. Errors of idle clients (a server restart) are logged, never thrown. */
export function createPool(options: { readonly url: string; readonly size: number; readonly name: string; readonly log: Logger }): Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    application_name: options.name,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    ...TIMEOUTS,
  });
  const lost = (error: Error) => options.log.warn({ error: error.message }, 'database connection lost');
  pool.on('error', lost);
  // While a connection is in use the pool does not listen to it, and an error nobody listens to ends the process.
  pool.on('connect', (client) => client.on('error', lost));
  return pool;
}

/** A connection of its own, for LISTEN. */
export const createListenerClient = (url: string, name: string): pg.Client => new pg.Client({ connectionString: url, application_name: name, keepAlive: true });
