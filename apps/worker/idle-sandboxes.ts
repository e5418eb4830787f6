import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { idleSandboxes } from '../../infra/postgres/sandboxes.repo.js';
import { decodeFence } from '../../workflows/contract/fence.js';

/** A session that has just ended a turn often begins another. */
const IDLE_MS = 15_000;

/** Gives back the sandbox of this host whose session has done nothing for longest: somebody waits for its place. Its workspace is kept as ever. */
export async function giveBackIdle(deps: { readonly pool: Pool; readonly sandboxes: Pick<Sandboxes, 'release'>; readonly hostId: string }): Promise<void> {
  for (const { fence, ...session } of await idleSandboxes(deps.pool, { hostId: deps.hostId, idleMs: IDLE_MS, most: 1 })) {
    await deps.sandboxes.release({ ...session, epoch: decodeFence(fence).epoch });
  }
}
