import type { Db } from './pool.js';

/** What a host says of itself; the engine's fields are null while it has none. */
export interface HostReport {
  readonly id: string;
  readonly taskQueue: string;
  /** Sandboxes of sessions that it takes at once. */
  readonly capacity: number;
  readonly engine: string | null;
  readonly runtime: string | null;
  readonly isolation: string | null;
}

/** Says that a host lives. Whichever of its processes says so, and also one that has just come back. */
export async function reportHost(db: Db, host: HostReport): Promise<void> {
  await db.query({
    name: 'report_sandbox_host',
    text: `insert into sandbox_hosts (id, task_queue, capacity, engine, runtime, isolation) values ($1, $2, $3, $4, $5, $6)
      on conflict (id) do update set seen_at = clock_timestamp(), task_queue = excluded.task_queue, capacity = excluded.capacity,
        engine = excluded.engine, runtime = excluded.runtime, isolation = excluded.isolation`,
    values: [host.id, host.taskQueue, host.capacity, host.engine, host.runtime, host.isolation],
  });
}

/** The hosts that live, for whoever visits them. */
export async function liveHosts(db: Db): Promise<{ id: string; taskQueue: string }[]> {
  const { rows } = await db.query<{ id: string; taskQueue: string }>(
    'select id, task_queue as "taskQueue" from sandbox_hosts where host_is_live(seen_at) order by id',
  );
  return rows;
}

/** Forgets hosts that nobody has heard of for a day, with what they kept ready; their names. One that comes back says so again. */
export async function forgetHosts(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `with gone as (delete from sandbox_hosts where seen_at < clock_timestamp() - interval '1 day' returning id),
       members as (delete from pool_members using gone where pool_members.host_id = gone.id)
     select id from gone`,
  );
  return rows.map(({ id }) => id);
}
