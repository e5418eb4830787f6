import type { Logger } from 'pino';
import type { SandboxPool } from '../../activities/sandbox/pool.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { OwnHost } from '../../activities/sandbox/whereabouts.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { forgetSandbox, sandboxesInUse } from '../../infra/postgres/sandboxes.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';

export interface JanitorDependencies {
  readonly pool: Pool;
  readonly host: Pick<OwnHost, 'id'>;
  readonly provider: () => Promise<SandboxProvider>;
  readonly sandboxes: Sandboxes;
  readonly sandboxPool: Pick<SandboxPool, 'names' | 'sweep'>;
  readonly log: Logger;
}

/**
 * Removes sandboxes that nothing can use any more: those of ended or deleted sessions, and those that no row has named
 * for two rounds (a session's row is there before its sandbox; a probe's sandbox is gone by the next round).
 */
export function createJanitor(deps: JanitorDependencies): () => Promise<void> {
  let strangers = new Set<string>();
  return async () => {
    strangers = await cleanUp(deps, strangers);
  };
}

async function cleanUp(deps: JanitorDependencies, seenBefore: ReadonlySet<string>): Promise<Set<string>> {
  const provider = await deps.provider();
  const existing = await provider.list();
  await deps.sandboxPool.sweep();
  if (existing.length === 0) return new Set();
  const rows = await sandboxesInUse(deps.pool, deps.host.id);
  for (const row of rows.filter(({ terminated }) => terminated)) {
    deps.sandboxes.disconnect(row.sessionId);
    await provider.destroy(row.name);
    await transaction(deps.pool, row.workspaceId, (tx) => forgetSandbox(tx, row.sessionId));
    deps.log.info({ sandbox: row.name }, 'sandbox of an ended session removed');
  }
  const here = new Set(existing);
  for (const row of rows.filter(({ terminated, name }) => !terminated && here.has(name))) {
    // Whose worker is gone may go on writing: from now on this one guards its disk.
    await deps.sandboxes.find(row).catch((error: unknown) => deps.log.warn({ error, sandbox: row.name }, 'a sandbox could not be reached to guard its disk'));
  }
  // After the rows of sessions: a member that is claimed in between is missed once, and twice it takes.
  const members = await deps.sandboxPool.names();
  const named = new Set([...rows.map(({ name }) => name), ...members]);
  const strangers = existing.filter((name) => !named.has(name));
  for (const name of strangers.filter((candidate) => seenBefore.has(candidate))) {
    await provider.destroy(name);
    deps.log.info({ sandbox: name }, 'sandbox without a session removed');
  }
  return new Set(strangers);
}
