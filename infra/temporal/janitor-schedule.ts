import { Client, Connection, ScheduleAlreadyRunning, type ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { JANITOR_WORKFLOW, janitorScheduleId } from '../../workflows/contract/names.js';

export interface JanitorScheduleOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly everyMs: number;
}

const CALL_TIMEOUT_MS = 5_000;
/** A round that nobody takes must not keep all later ones away. */
const ROUND_TIMEOUT = '15m' as const;

/** Makes the schedule of the janitor, or changes its interval to this one. Any number of workers may do it, any number of times. */
export async function ensureJanitorSchedule({ address, namespace, taskQueue, everyMs }: JanitorScheduleOptions): Promise<void> {
  const connection = await Connection.connect({ address });
  const { schedule } = new Client({ connection, namespace });
  const scheduleId = janitorScheduleId(taskQueue);
  const options = {
    scheduleId,
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
    action: {
      type: 'startWorkflow',
      workflowType: JANITOR_WORKFLOW,
      workflowId: scheduleId,
      taskQueue,
      args: [],
      workflowRunTimeout: ROUND_TIMEOUT,
      staticSummary: 'janitor · compares every sandbox host with the database',
    },
  } as const satisfies ScheduleOptions;
  try {
    await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, async () => {
      const kept = schedule.getHandle(scheduleId);
      const create = () => schedule.create(options).then(() => true, isTaken);
      if (await create()) return;
      const before = (await kept.describe()).spec.intervals?.[0]?.every;
      if (before !== everyMs) await kept.update(({ state }) => ({ ...options, state }));
    });
  } finally {
    await connection.close();
  }
}

/** False when the schedule is there already. */
function isTaken(error: unknown): false {
  if (error instanceof ScheduleAlreadyRunning) return false;
  throw error;
}
