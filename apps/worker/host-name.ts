import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Db } from '../../infra/postgres/pool.js';
import { type HostReport, type NameHolder, reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';

const LOOK_EVERY_MS = 1_000;

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
 * Waits until the name of this host is this data folder's: at once where nobody else has it; as soon as another one that has it is dead, for a machine that
 * was started anew is another place, too. Throws `HostNameTaken` when the other one lives. While the database is away it is not known, and asked again.
 */
export async function takeHostName(options: {
  readonly db: Db;
  readonly report: () => HostReport;
  readonly home: string;
  readonly log: Logger;
}): Promise<void> {
  const { db, report, home, log } = options;
  let before: NameHolder | undefined;
  for (;;) {
    try {
      const other = await reportHost(db, report());
      if (!other) return;
      if (before && other.heardOf > before.heardOf) throw new HostNameTaken(report(), home, other);
      if (!before)
        log.warn({ host: report().id, heardOf: other.heardOf }, 'another data folder had the name of this host a moment ago; waiting to see whether it lives');
      before = other;
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
