import type { Logger } from 'pino';
import type { Pool } from '../../infra/postgres/pool.js';
import { getSession, sessionsToWake } from '../../infra/postgres/sessions.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { SessionClient } from '../../infra/temporal/session-client.js';

const MOST_AT_ONCE = 50;

/** Repeats wakes that got lost between the commit of an input and its signal. Any number of workers may do it. */
export async function sweep(deps: { readonly pool: Pool; readonly client: SessionClient; readonly log: Logger }): Promise<void> {
  const due = await sessionsToWake(deps.pool, MOST_AT_ONCE);
  for (const { sessionId, workspaceId } of due) {
    try {
      const session = await transaction(deps.pool, workspaceId, (tx) => getSession(tx, sessionId));
      await deps.client.wake({ sessionId, workspaceId, model: session.agent.model.id });
      deps.log.info({ session: sessionId }, 'wake repeated');
    } catch (error) {
      deps.log.warn({ session: sessionId, error: error instanceof Error ? error.message : String(error) }, 'wake not repeated; it is tried again');
    }
  }
}
