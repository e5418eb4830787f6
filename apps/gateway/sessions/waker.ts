import type { Logger } from 'pino';
import type { SessionClient } from '../../../infra/temporal/session-client.js';
import type { SessionRecord } from '../../../workflows/contract/records.js';

/**
 * Tells the loop, after a commit, that it must look. Callers do not wait for it: the input is accepted once its
 * transaction has committed, and a worker's sweep repeats a wake-up that got lost.
 */
export interface Waker {
  wake(session: SessionRecord): void;
  /** Ends what runs now, then wakes. */
  stop(session: SessionRecord): void;
  /** Resolves when the wake-ups under way are sent or have failed (each call has a deadline of its own). */
  settled(): Promise<void>;
}

export function createWaker(client: Pick<SessionClient, 'wake' | 'stop'>, log: Logger): Waker {
  const underWay = new Set<Promise<void>>();
  const send = (kind: 'wake' | 'stop', session: SessionRecord) => {
    const target = { sessionId: session.id, workspaceId: session.workspaceId, model: session.agent.model.id };
    const sending = client[kind](target)
      .catch((error: unknown) =>
        log.warn({ sessionId: session.id, error: error instanceof Error ? error.message : undefined }, `${kind} not sent; a worker's sweep repeats it`),
      )
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
  };
  return {
    wake: (session) => send('wake', session),
    stop: (session) => send('stop', session),
    settled: async () => void (await Promise.allSettled(underWay)),
  };
}
