import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { OwnHost } from '../../activities/sandbox/whereabouts.js';
import type { FileAnswer } from '../../activities/workspace/file-requests.js';
import type { Listener } from '../../infra/postgres/listener.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { transaction } from '../../infra/postgres/transaction.js';
import {
  answerWorkspaceRequest,
  claimWorkspaceRequests,
  dropOldWorkspaceRequests,
  readWorkspaceRequest,
  renewWorkspaceRequest,
} from '../../infra/postgres/workspace-requests.repo.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { SandboxFileRequest } from '../../workflows/contract/sandbox-records.js';

const LEASE_MS = 10_000;
const AT_ONCE = 8;
const LOOK_EVERY_MS = 2_000;

interface Taken {
  readonly id: string;
  readonly workspaceId: string;
}

export interface WorkspaceRequestDependencies {
  readonly pool: Pool;
  readonly listener: Listener;
  readonly host: Required<Pick<OwnHost, 'id' | 'place'>>;
  readonly perform: (request: SandboxFileRequest, signal: AbortSignal) => Promise<FileAnswer | undefined>;
  readonly redact: (text: string) => string;
  readonly log: Logger;
}

/**
 * Takes what callers of the API want with files of workspaces, whichever worker is there first of those whose host can do it. A worker that dies loses its
 * hold after ten seconds, and another does it again. Answers how to end it: what runs is given back.
 */
export function serveWorkspaceRequests(deps: WorkspaceRequestDependencies): () => Promise<void> {
  const holder = randomUUID();
  const running = new Map<string, { readonly request: Taken; readonly stop: AbortController; readonly done: Promise<void> }>();
  let ended = false;
  let looking: Promise<void> | undefined;
  let again = false;

  const look = () => {
    again = true;
    looking ??= claim().finally(() => {
      looking = undefined;
    });
  };

  const claim = async (): Promise<void> => {
    while (again && !ended && running.size < AT_ONCE) {
      again = false;
      try {
        const by = { hostId: deps.host.id, place: deps.host.place, holder, leaseMs: LEASE_MS, most: AT_ONCE - running.size };
        for (const request of await claimWorkspaceRequests(deps.pool, by)) start(request);
      } catch (error) {
        deps.log.warn({ error: error instanceof Error ? error.message : String(error) }, 'requests for workspaces not looked at; it is tried again');
      }
    }
  };

  const start = (request: Taken) => {
    const stop = new AbortController();
    const done = serve(request, stop).finally(() => {
      running.delete(request.id);
      look();
    });
    running.set(request.id, { request, stop, done });
  };

  const serve = async (request: Taken, stop: AbortController): Promise<void> => {
    const renewal = setInterval(() => void renew(request), LEASE_MS / 3);
    const answer = (what: FileAnswer | undefined) =>
      transaction(deps.pool, request.workspaceId, (tx) => answerWorkspaceRequest(tx, request.id, holder, what)).catch(() => undefined);
    try {
      const wanted = await transaction(deps.pool, request.workspaceId, (tx) => readWorkspaceRequest(tx, request.id));
      if (!wanted) return;
      const result = await deps.perform(wanted, stop.signal);
      await answer(result?.state === 'failed' ? { ...result, errorMessage: deps.redact(result.errorMessage) } : result);
    } catch (error) {
      if (stop.signal.aborted) {
        await answer(undefined);
        return;
      }
      deps.log.warn({ request: request.id, error: error instanceof Error ? error.message : String(error) }, 'request for a workspace failed');
      await answer({ state: 'failed', errorCode: 'internal', errorMessage: '' });
    } finally {
      clearInterval(renewal);
    }
  };

  /** Somebody else's, or nobody's any more: what is done for it ends. */
  const renew = async ({ id, workspaceId }: Taken): Promise<void> => {
    const isOurs = await transaction(deps.pool, workspaceId, (tx) => renewWorkspaceRequest(tx, id, holder, LEASE_MS)).catch(() => true);
    if (!isOurs) running.get(id)?.stop.abort(new RondoError('step.superseded', 'Nobody waits for this any more.'));
  };

  const offNotify = deps.listener.on(CHANNELS.workspace, (id) => {
    const current = running.get(id);
    if (current) void renew(current.request);
    look();
  });
  const offResync = deps.listener.onResync(look);
  const timer = setInterval(look, LOOK_EVERY_MS);
  const cleaning = setInterval(() => void dropOldWorkspaceRequests(deps.pool).catch(() => undefined), 60_000);
  look();
  return async () => {
    ended = true;
    offNotify();
    offResync();
    clearInterval(timer);
    clearInterval(cleaning);
    for (const { stop } of running.values()) stop.abort(new RondoError('service.unavailable', 'The worker ends.'));
    await looking;
    await Promise.all([...running.values()].map(({ done }) => done));
  };
}
