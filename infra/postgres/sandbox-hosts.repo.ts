import type { Db } from './pool.js';

/** What a host says of itself; the engine's fields are null while it has none. */
export interface HostReport {
  readonly id: string;
  readonly taskQueue: string;
  /** Its data folder, and that folder where it is now (infra/config/sandbox-host.ts). */
  readonly folder: string;
  readonly place: string;
  /** Sandboxes of sessions that it takes at once. */
  readonly capacity: number;
  readonly engine: string | null;
  readonly runtime: string | null;
  readonly isolation: string | null;
  /** How long ago it could do its work for the last time, in milliseconds; now, unless it says so. */
  readonly silentMs?: number;
  /** This process has watched whoever has the name at another place say nothing for fifteen seconds. */
  readonly mayTake?: boolean;
}

/** Who has a host's name. */
export interface NameHolder {
  /** When a process of it said something for the last time. */
  readonly heardOf: Date;
  /** It is the same data folder at another place: one of the two is a copy. */
  readonly sameFolder: boolean;
}

/**
 * Says that a host lives, or lived some time ago. Whichever of its processes says so, and also one that has just come back. Where that name is a data folder's at
 * another place, nothing is said, and the answer is that one, unless its name may be taken over; even then not the sessions whose files it has.
 */
export async function reportHost(db: Db, host: HostReport): Promise<NameHolder | undefined> {
  const { rows } = await db.query<NameHolder>({
    name: 'report_sandbox_host',
    text: 'select heard_of as "heardOf", same_folder as "sameFolder" from report_sandbox_host($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    values: [
      host.id,
      host.folder,
      host.place,
      host.taskQueue,
      host.capacity,
      host.engine,
      host.runtime,
      host.isolation,
      host.silentMs ?? 0,
      host.mayTake ?? false,
    ],
  });
  return rows[0];
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
  const { rows } = await db.query<{ id: string }>('select forget_sandbox_hosts() as id');
  return rows.map(({ id }) => id);
}
