import pg from 'pg';
import type { Platform } from './platform.js';
import { sql } from './sessions.js';
import { waitFor } from './wait-for.js';

/** A real lock on a session's row, taken by the test: whoever wants to write to the session waits. */
export async function lockSessionRow(platform: Platform, sessionId: string) {
  const client = new pg.Client({ connectionString: platform.database.ownerUrl });
  await client.connect();
  await client.query('begin');
  await client.query('select 1 from sessions where id = $1 for update', [sessionId]);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid;
  return {
    /** Somebody has come to the point where it must write. */
    waitForSomebody: () =>
      waitFor('somebody to wait for the session lock', async () => {
        const blocked = await sql<{ count: string }>(platform, 'select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))', [pid]);
        return Number(blocked[0]?.count) > 0;
      }),
    async release() {
      await client.query('rollback').catch(() => undefined);
      await client.end();
    },
  };
}
