import { setTimeout as delay } from 'node:timers/promises';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';

export interface PollingOptions {
  readonly connection: Pick<NativeConnection, 'workflowService' | 'withDeadline'>;
  readonly namespace: string;
  /** Of the host. */
  readonly taskQueue: string;
  readonly workers: readonly Pick<Worker, 'getStatus'>[];
  readonly log: Logger;
}

/** Whether this process can get work for its host. */
export interface Polling {
  /** Asks again, and answers how long ago it could for the last time, in milliseconds. Never rejects. */
  silentMs(): Promise<number>;
}

/** Who answers later than that is heard, too, but nobody waits for it. */
const WAIT_MS = 1_000;
const GIVE_UP_MS = 10_000;
const TELL_FROM_MS = 5_000;
const ACTIVITIES = 2;

/**
 * Asks whoever hands work out, over the connection that the workers poll by and about the queue that they poll. A worker whose poller has given up gets
 * none. One that is shutting down still counts, for its host goes on with the next one.
 */
export function createPolling({ connection, namespace, taskQueue, workers, log }: PollingOptions): Polling {
  let answeredAt = performance.now();
  let isTold = false;
  const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: ACTIVITIES } as const;
  const ask = async (): Promise<void> => {
    if (workers.some((worker) => worker.getStatus().activityPollerState === 'FAILED')) return;
    await connection.withDeadline(Date.now() + GIVE_UP_MS, () => connection.workflowService.describeTaskQueue(request));
    answeredAt = performance.now();
  };
  return {
    async silentMs() {
      await Promise.race([ask().catch(() => undefined), delay(WAIT_MS, undefined, { ref: false })]);
      const silentMs = Math.round(performance.now() - answeredAt);
      if (silentMs > TELL_FROM_MS !== isTold) {
        isTold = !isTold;
        if (isTold) log.warn({ silentMs }, 'Temporal gives this process no work, so its host is not said to live until it does');
        else log.info('Temporal gives this process work again');
      }
      return silentMs;
    },
  };
}
