import type { Logger } from 'pino';
import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { OwnHost } from '../../activities/sandbox/whereabouts.js';
import { sessionsWithDirectories } from '../../activities/workspace/host-directories.js';
import type { Workspaces } from '../../activities/workspace/workspaces.js';
import { sessionsOnHost } from '../../infra/postgres/checkpoints.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { unusedSandboxes } from '../../infra/postgres/workspace-requests.repo.js';
import { decodeFence } from '../../workflows/contract/fence.js';

export interface WorkspaceCleanerDependencies {
  readonly pool: Pool;
  readonly host: Pick<OwnHost, 'id'>;
  readonly sandboxes: Pick<Sandboxes, 'release'>;
  readonly workspaces: Pick<Workspaces, 'keep' | 'remove' | 'removeMoved'>;
  readonly home: string;
  /** How long a sandbox that only callers of the API have used is held. */
  readonly idleMs: number;
  readonly log: Logger;
}

const LONGEST_PAUSE_MS = 3_600_000;
const FIRST_PAUSE_MS = 60_000;

/**
 * Looks after this host's directories: keeps those that a release could not keep, and removes those of sessions that the
 * database says are over, or that went on on another host which has kept more since. What it knows nothing of stays. Gives back sandboxes
 * that no run of the loop knows of. Answers of how many sessions it removed something.
 */
export function createWorkspaceCleaner(deps: WorkspaceCleanerDependencies): () => Promise<number> {
  /** What could not be kept is tried less and less often. */
  const pauses = new Map<string, { readonly until: number; readonly ms: number }>();

  const keep = async (session: { readonly sessionId: string; readonly workspaceId: string }) => {
    const { sessionId } = session;
    const pause = pauses.get(sessionId);
    if (pause && pause.until > performance.now()) return;
    const ms = Math.min(pause ? pause.ms * 2 : FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    pauses.set(sessionId, { until: performance.now() + ms, ms });
    await deps.workspaces.keep(session);
  };

  /** What cannot be done for one session now is tried again in the next round, and keeps nothing from the others. */
  const attempt = async <T>(sessionId: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      deps.log.warn({ session: sessionId, error: error instanceof Error ? error.message : String(error) }, 'session not cleaned up after; it is tried again');
      return undefined;
    }
  };

  return async () => {
    for (const { fence, ...session } of await unusedSandboxes(deps.pool, deps.host.id, deps.idleMs)) {
      await attempt(session.sessionId, () => deps.sandboxes.release({ ...session, epoch: decodeFence(fence).epoch }));
    }
    const known = await sessionsOnHost(deps.pool, deps.host.id, await sessionsWithDirectories(deps.home));
    const unkept = known.filter((session) => session.unkept);
    for (const sessionId of pauses.keys()) if (!unkept.some((session) => session.sessionId === sessionId)) pauses.delete(sessionId);
    for (const { sessionId, workspaceId } of unkept) await keep({ sessionId, workspaceId });
    let removed = 0;
    for (const { sessionId, over, moved, kept, blobKey } of known) {
      const remove = async () => {
        if (over) await deps.workspaces.remove(sessionId);
        return over || (moved && kept !== null && blobKey !== null && (await deps.workspaces.removeMoved(sessionId, { generation: kept, blobKey })));
      };
      if (!(await attempt(sessionId, remove))) continue;
      removed += 1;
      deps.log.info({ session: sessionId }, over ? 'directories of a session that is over removed' : 'directories of a session that another host has removed');
    }
    return removed;
  };
}
