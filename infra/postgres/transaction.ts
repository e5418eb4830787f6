import type pg from 'pg';
import { RondoError } from '../../workflows/contract/errors.js';
import type { Db, Pool } from './pool.js';

/** A transaction bound to one workspace: row-level security shows and accepts its rows only. */
export type Transaction = Db & { readonly workspaceId: string };

const WORKSPACE_ID = /^wrkspc_[0-9A-Za-z]{1,40}$/;

/**
 * The one BEGIN and COMMIT in the tree. Rolls back on any throw and gives the connection back. A database that cannot be
 * reached is `service.unavailable`, which callers and activities retry.
 */
export async function transaction<T>(pool: Pool, workspaceId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
  if (!WORKSPACE_ID.test(workspaceId)) throw new RondoError('internal', `Not a workspace id: ${workspaceId}`);
  const client = await connect(pool);
  let broken: Error | undefined;
  try {
    await client.query(`begin; set local rondo.workspace_id = '${workspaceId}'`);
    const result = await work(Object.assign(client, { workspaceId }));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((cause: Error) => {
      broken = cause;
    });
    throw asUnavailable(error);
  } finally {
    client.release(broken);
  }
}

async function connect(pool: Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asUnavailable(error);
  }
}

/** Classes 08 (connection), 57 (operator intervention), 53 (resources), 40 (serialization, deadlock), a lock not had in time, and lost sockets. */
function asUnavailable(error: unknown): unknown {
  if (error instanceof RondoError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const lost = /^(08|57|53|40|55P03|25P03)|^E[A-Z]+$/.test(code) || /connection|timeout exceeded/i.test(error.message);
  return lost ? new RondoError('service.unavailable', 'The database cannot be reached; the request can be repeated.', { cause: error }) : error;
}
