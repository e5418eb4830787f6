import pg from 'pg';
import type { Platform } from './platform.js';
import { sql } from './sessions.js';
import { waitFor } from './wait-for.js';

/** A real lock on a session's row, taken by the test: whoever wants to write to the session waits. */
export const lockSessionRow = (platform: Platform, sessionId: string) =>
  hold(platform, (client) => client.query('select 1 from sessions where id = $1 for update', [sessionId]));

const GATE = 4_711;
const BLOCKED = 'pg_stat_activity where $1 = any(pg_blocking_pids(pid))';

/** Whoever wants to write such a row in this state waits, before anybody sees it so. When it is released, what waits is of a process that was killed. */
export async function holdState(platform: Platform, table: 'sandboxes' | 'pool_members', state: string) {
  await sql(
    platform,
    `create function held_state() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(${GATE}); return new; end $$;
     create trigger held_state before insert or update on ${table} for each row when (new.state = '${state}') execute function held_state()`,
  );
  const held = await hold(platform, (client) => client.query('select pg_advisory_xact_lock($1)', [GATE]));
  return {
    ...held,
    async release() {
      // A statement that is a transaction of its own would be done though nobody hears of it any more.
      await waitFor(
        'those who wait to be gone',
        async () => (await sql(platform, `select pg_terminate_backend(pid) from ${BLOCKED}`, [held.pid])).length === 0,
      );
      await held.release();
      await sql(platform, `drop trigger held_state on ${table}; drop function held_state()`);
    },
  };
}

async function hold(platform: Platform, lock: (client: pg.Client) => Promise<unknown>) {
  const client = new pg.Client({ connectionString: platform.database.ownerUrl });
  await client.connect();
  await client.query('begin');
  await lock(client);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid;
  return {
    pid,
    /** Somebody has come to the point where it must write. */
    waitForSomebody: () =>
      waitFor('somebody to wait for the lock', async () => {
        const blocked = await sql<{ count: string }>(platform, `select count(*) from ${BLOCKED}`, [pid]);
        return Number(blocked[0]?.count) > 0;
      }),
    async release() {
      await client.query('rollback').catch(() => undefined);
      await client.end();
    },
  };
}
