import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Db } from '../../infra/postgres/pool.js';
import { type HostReport, type NameHolder, reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';

const LOOK_EVERY_MS = 1_000;
/** Whoever says nothing for so long does not run. */
const STILL_MS = 15_000;
/** Who looks more seldom has not watched: while the database is away from everybody, nobody can say anything. */
const LONGEST_GAP_MS = 5_000;

/** The name of this host is another data folder's, whose worker lives. */
export class HostNameTaken extends Error {
  /** This data folder and the other one have the same id: one is a copy, and must not be taken for the other later, when that one is dead. */
  readonly isCopy: boolean;
  constructor({ id }: Pick<HostReport, 'id'>, home: string, { heardOf, sameFolder }: NameHolder) {
    super(
      `The host of sandboxes "${id}" is another data folder, whose worker lives (it was last heard of at ${heardOf.toISOString()}), and not ${home}. ` +
        "Two machines, or two data folders, never share a name, for each would believe it has the other's sessions. " +
        'Set RONDO_HOST_ID to another name here. If RONDO_HOME is a copy of the other one, start with an empty one. ' +
        'If this one is to take its place, stop the workers of the other one, and start again.',
    );
    this.isCopy = sameFolder;
  }
}

/**
 * Waits until the name of this host is this data folder's: at once where no other place has it; otherwise until this process has itself watched the other one
 * say nothing for fifteen seconds, for a machine that was started anew is another place, too, and what was said long ago only tells that nobody could say
 * anything since. Throws `HostNameTaken` when the other one says something. While the database is away it is not known, and watched anew.
 */
export async function takeHostName(options: {
  readonly db: Db;
  readonly report: () => HostReport;
  readonly home: string;
  readonly log: Logger;
}): Promise<void> {
  const { db, report, home, log } = options;
  let watched: { readonly holder: NameHolder; readonly since: number; readonly until: number } | undefined;
  for (;;) {
    try {
      const mayTake = watched !== undefined && watched.until - watched.since >= STILL_MS;
      const holder = await reportHost(db, { ...report(), mayTake });
      if (!holder) return;
      if (watched && holder.heardOf > watched.holder.heardOf) throw new HostNameTaken(report(), home, holder);
      const now = performance.now();
      if (!watched)
        log.warn({ host: report().id, heardOf: holder.heardOf }, 'a data folder at another place has the name of this host; waiting to see whether it lives');
      watched = { holder, since: watched && now - watched.until < LONGEST_GAP_MS ? watched.since : now, until: now };
    } catch (error) {
      if (error instanceof HostNameTaken) throw error;
      log.warn({ error: error instanceof Error ? error.message : String(error) }, 'the host could not be reported; it is tried again');
    }
    await delay(LOOK_EVERY_MS);
  }
}

/** Says when the host could do its work for the last time. Throws `HostNameTaken` when another data folder has taken its name meanwhile. */
export async function keepHostName(options: {
  readonly db: Db;
  readonly report: () => HostReport;
  readonly home: string;
  readonly silentMs: number;
}): Promise<void> {
  const { db, report, home, silentMs } = options;
  const other = await reportHost(db, { ...report(), silentMs });
  if (other) throw new HostNameTaken(report(), home, other);
}
