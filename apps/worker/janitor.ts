import type { Logger } from 'pino';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { forgetSandbox, sandboxesInUse } from '../../infra/postgres/sandboxes.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';

/**
 * Removes sandboxes that nothing can use any more: those of ended or deleted sessions, and those no row names. A sandbox
 * whose row is being made has its row first, so one without a row is dead.
 */
export async function cleanUp(deps: {
  readonly pool: Pool;
  readonly provider: () => Promise<SandboxProvider>;
  readonly sandboxes: Sandboxes;
  readonly log: Logger;
}): Promise<void> {
  const provider = await deps.provider();
  const existing = await provider.list();
  if (existing.length === 0) return;
  const rows = await sandboxesInUse(deps.pool);
  for (const row of rows.filter(({ terminated }) => terminated)) {
    deps.sandboxes.disconnect(row.sessionId);
    await provider.destroy(row.name);
    await transaction(deps.pool, row.workspaceId, (tx) => forgetSandbox(tx, row.sessionId));
    deps.log.info({ sandbox: row.name }, 'sandbox of an ended session removed');
  }
  const named = new Set(rows.map(({ name }) => name));
  for (const name of existing.filter((candidate) => !named.has(candidate))) {
    await provider.destroy(name);
    deps.log.info({ sandbox: name }, 'sandbox without a session removed');
  }
}
