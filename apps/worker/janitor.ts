import type { Logger } from 'pino';
import type { SandboxPool } from '../../activities/sandbox/pool.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { OwnHost } from '../../activities/sandbox/whereabouts.js';
import { sessionsOnHost } from '../../infra/postgres/checkpoints.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { forgetSandbox, type SandboxInUse, sandboxesInUse } from '../../infra/postgres/sandboxes.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { hasEnded } from './leftovers.js';

export interface JanitorDependencies {
  readonly pool: Pool;
  readonly host: Pick<OwnHost, 'id'>;
  readonly provider: () => Promise<SandboxProvider>;
  readonly sandboxes: Pick<Sandboxes, 'disconnect' | 'find'>;
  readonly sandboxPool: Pick<SandboxPool, 'names' | 'sweep'>;
  readonly log: Logger;
  /** How long ago what no row names must have been seen for the first time before it is removed; milliseconds. */
  readonly graceMs?: number;
}

/** Longer than a probe takes, whose sandboxes no row names. */
const GRACE_MS = 40_000;

/**
 * Compares the sandboxes of this host's engine with the rows, and answers how many it removed: those of sessions that have ended; those that
 * a row proves to have ended; and those that no row has named for a while. In this order: what the engine has, the pool, the sessions. Each
 * sandbox has a row before it is there, and a claim moves it from the pool to its session at once, so none is missed on its way.
 */
export function createJanitor({
  pool,
  host,
  provider: findProvider,
  sandboxes,
  sandboxPool,
  log,
  graceMs = GRACE_MS,
}: JanitorDependencies): () => Promise<number> {
  /** What no row names, and when this process saw it first. */
  const strangers = new Map<string, number>();

  /** False for one that does not go: it is tried again in the next round, and keeps nobody from removing the others. */
  const remove = async (provider: SandboxProvider, name: string, why: string): Promise<boolean> => {
    try {
      await provider.destroy(name);
    } catch (error) {
      log.warn({ sandbox: name, error: error instanceof Error ? error.message : String(error) }, 'a sandbox could not be removed; it is tried again');
      return false;
    }
    strangers.delete(name);
    log.info({ sandbox: name }, why);
    return true;
  };

  const removeOver = async (provider: SandboxProvider, rows: readonly SandboxInUse[]): Promise<number> => {
    const over = rows.filter(({ terminated, elsewhere }) => terminated && !elsewhere);
    let removed = 0;
    for (const { sessionId, workspaceId, name } of over) {
      sandboxes.disconnect(sessionId);
      if (!(await remove(provider, name, 'sandbox of an ended session removed'))) continue;
      await transaction(pool, workspaceId, (tx) => forgetSandbox(tx, sessionId));
      removed += 1;
    }
    return removed;
  };

  /** Whose worker is gone may go on writing: from now on this one guards its disk. */
  const guard = async (rows: readonly SandboxInUse[]): Promise<void> => {
    for (const row of rows) {
      await sandboxes.find(row).catch((error: unknown) => log.warn({ error, sandbox: row.name }, 'a sandbox could not be reached to guard its disk'));
    }
  };

  /** Its name says whose it was, and that session's row that it has ended. */
  const provenDead = async (names: readonly string[]): Promise<Set<string>> => {
    const named = names.flatMap((name) => {
      const [, sessionId, generation] = /-(sesn_[0-9A-Za-z]+)-g(\d{1,9})$/.exec(name) ?? [];
      return sessionId === undefined ? [] : [{ name, sessionId, generation: Number(generation) }];
    });
    const sessions = new Map(
      (
        await sessionsOnHost(
          pool,
          host.id,
          named.map(({ sessionId }) => sessionId),
        )
      ).map((one) => [one.sessionId, one]),
    );
    return new Set(named.filter(({ sessionId, generation }) => hasEnded(sessions.get(sessionId), generation)).map(({ name }) => name));
  };

  const removeStrangers = async (provider: SandboxProvider, unnamed: readonly string[]): Promise<number> => {
    for (const name of strangers.keys()) if (!unnamed.includes(name)) strangers.delete(name);
    const dead = await provenDead(unnamed);
    let removed = 0;
    for (const name of unnamed) {
      const seen = strangers.get(name);
      if (!dead.has(name) && (seen === undefined || performance.now() - seen < graceMs)) {
        strangers.set(name, seen ?? performance.now());
        continue;
      }
      if (await remove(provider, name, 'sandbox without a session removed')) removed += 1;
    }
    return removed;
  };

  return async () => {
    const provider = await findProvider();
    const existing = await provider.list();
    await sandboxPool.sweep();
    const members = await sandboxPool.names();
    const rows = await sandboxesInUse(pool, host.id);
    const removed = await removeOver(provider, rows);
    await guard(rows.filter(({ terminated, elsewhere, name }) => !terminated && !elsewhere && existing.includes(name)));
    const named = new Set([...members, ...rows.map(({ name }) => name)]);
    return (
      removed +
      (await removeStrangers(
        provider,
        existing.filter((name) => !named.has(name)),
      ))
    );
  };
}
