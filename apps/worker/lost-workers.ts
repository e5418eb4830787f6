import type { Logger } from 'pino';
import { endWork } from '../../activities/session/worker-loss.js';
import { newId } from '../../infra/ids.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { lockSession } from '../../infra/postgres/session-store.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { workToEnd } from '../../infra/postgres/work.repo.js';
import type { SessionClient } from '../../infra/temporal/session-client.js';
import type { SessionRecord, WorkRecord } from '../../workflows/contract/records.js';

const MOST_AT_ONCE = 50;

export interface LostWorkersDependencies {
  readonly pool: Pool;
  readonly client: Pick<SessionClient, 'wake'>;
  readonly log: Logger;
}

/** Ends the hold of workers whose lease lapsed, and takes items of ended sessions out of the queue. Any number of processes may do it. */
export async function endLostWork(deps: LostWorkersDependencies): Promise<void> {
  for (const { workId, sessionId, workspaceId } of await workToEnd(deps.pool, MOST_AT_ONCE)) {
    try {
      const ended = await transaction(deps.pool, workspaceId, async (tx) => {
        const session = await lockSession(tx, sessionId);
        const item = await session.lockWork(workId);
        if (!item || !isOver(item, session.record)) return undefined;
        return { ...(await endWork(session, item, 'lapsed', () => newId('event'))), session: session.record, item };
      });
      if (!ended) continue;
      deps.log.info({ session: sessionId, work: workId, state: ended.item.state }, 'work item ended: its worker is taken for lost, or its session has ended');
      if (ended.wake) await deps.client.wake({ sessionId, workspaceId, model: ended.session.agent.model.id });
    } catch (error) {
      deps.log.warn(
        { session: sessionId, work: workId, error: error instanceof Error ? error.message : String(error) },
        'lost worker not dealt with; it is tried again',
      );
    }
  }
}

/** Looked at again under the locks: a heartbeat or a stop may have come first. */
function isOver(item: WorkRecord, session: SessionRecord): boolean {
  if (item.state === 'stopped') return false;
  return item.state === 'queued' ? session.status === 'terminated' : item.lapsed;
}
