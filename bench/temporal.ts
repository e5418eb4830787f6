import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { nowMs } from '../apps/rehearsal/recorder.js';
import { sessionWorkflowId } from '../workflows/contract/names.js';
import { BASELINE_QUEUE } from './baseline/names.js';
import type { oneActivity, pairsOfActivities } from './baseline/workflows.js';

/** The Temporal server itself: what it costs without Rondo, and what it knows about sessions. */
export interface BenchTemporal {
  /** Starts a workflow of one empty activity: milliseconds until the activity's code ran, and until the result was here. */
  startAndOneActivity(): Promise<{ readonly toActivityMs: number; readonly toResultMs: number }>;
  /**
   * Runs activities that do nothing for so long, in sequence, in one workflow: what each two of them take beside that time, in
   * milliseconds, from start of code to start of code.
   */
  pairsOfActivities(pairs: number, eachMs: number): Promise<number[]>;
  /** Size of the history of a session's newest run. */
  historyOf(sessionId: string): Promise<{ readonly events: number; readonly bytes: number }>;
  /** Process ids of the workers that hold an activity of the session now. */
  workersBusyWith(sessionId: string): Promise<number[]>;
  /** Open runs on a task queue, as the (slightly late) visibility store counts them. */
  openRuns(taskQueue: string): Promise<number>;
  close(): Promise<void>;
}

export async function connectTemporal(address: string, namespace: string): Promise<BenchTemporal> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const { workflow } = client;
  const options = () => ({ taskQueue: BASELINE_QUEUE, workflowId: `baseline-${randomUUID()}` });

  return {
    async startAndOneActivity() {
      const sentAt = nowMs();
      const handle = await workflow.start<typeof oneActivity>('oneActivity', { ...options(), args: [] });
      const { from } = await handle.result();
      return { toActivityMs: from - sentAt, toResultMs: nowMs() - sentAt };
    },
    async pairsOfActivities(pairs, eachMs) {
      const attended = await workflow.execute<typeof pairsOfActivities>('pairsOfActivities', { ...options(), args: [pairs, eachMs] });
      return Array.from({ length: pairs }, (_, pair) => {
        const [one, two, next] = attended.slice(2 * pair, 2 * pair + 3);
        if (!one || !two || !next) throw new Error('An activity of the baseline is missing.');
        return next.from - one.from - (one.to - one.from) - (two.to - two.from);
      });
    },
    async historyOf(sessionId) {
      const { historyLength, historySize } = await workflow.getHandle(sessionWorkflowId(sessionId)).describe();
      return { events: historyLength, bytes: historySize ?? Number.NaN };
    },
    async workersBusyWith(sessionId) {
      const { raw } = await workflow.getHandle(sessionWorkflowId(sessionId)).describe();
      // A worker's identity is `<process id>@<host>`.
      return (raw.pendingActivities ?? []).flatMap(({ lastWorkerIdentity }) => (lastWorkerIdentity ? [Number.parseInt(lastWorkerIdentity, 10)] : []));
    },
    async openRuns(taskQueue) {
      const { count } = await workflow.count(`TaskQueue = '${taskQueue}' and ExecutionStatus = 'Running'`);
      return count;
    },
    close: () => connection.close(),
  };
}
