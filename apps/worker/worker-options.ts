import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, type NativeConnection, type RuntimeOptions, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../../infra/config/config.js';

/** Of the workflow code, short: every task notes it in history, three times for each tool call. */
const buildId = (): string => createHash('sha256').update(readFileSync(BUNDLE)).digest('hex').slice(0, 8);

const BUNDLE = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));

/** Settings measured in reference runs: cancels must arrive quickly, and a worker that ends is given time. */
const ACTIVITY_SETTINGS = {
  maxConcurrentActivityTaskExecutions: 200,
  // A frozen worker is still handed a task for each of its open polls; few polls mean it is passed over soon. Most activities
  // are handed out with the answer to a workflow task anyway.
  maxConcurrentActivityTaskPolls: 2,
  maxHeartbeatThrottleInterval: '1s',
  defaultHeartbeatThrottleInterval: '1s',
  shutdownGraceTime: '10s',
  shutdownForceTime: '20s',
} as const;

export interface WorkerParts {
  readonly config: Config;
  readonly connection: NativeConnection;
  readonly activities: object;
}

/** What any worker may do. A dead worker's sticky queue must not hold its sessions. */
export const createWorkerOptions = ({ config, connection, activities }: WorkerParts): WorkerOptions => ({
  ...ACTIVITY_SETTINGS,
  connection,
  namespace: config.temporal.namespace,
  taskQueue: config.temporal.taskQueue,
  workflowBundle: { codePath: BUNDLE },
  workerDeploymentOptions: { version: { deploymentName: 'rondo', buildId: buildId() }, useWorkerVersioning: false },
  activities,
  maxConcurrentWorkflowTaskExecutions: 40,
  maxConcurrentWorkflowTaskPolls: 3,
  stickyQueueScheduleToStartTimeout: '2s',
});

/** What only this host can do: calls in its sandboxes, and the janitor's round here. */
export const createHostWorkerOptions = ({ config, connection, activities, taskQueue }: WorkerParts & { readonly taskQueue: string }): WorkerOptions => ({
  ...ACTIVITY_SETTINGS,
  connection,
  namespace: config.temporal.namespace,
  taskQueue,
  activities,
});

const NO_WORKFLOWS = 'No workflows registered, not polling for workflow tasks';

/** Temporal's own log lines go through ours, so that they are redacted like any other. */
export const quietRuntime = (log: Logger): RuntimeOptions => ({
  shutdownSignals: [],
  telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
    // One of the two workers of a process has none, on purpose.
    if (message === NO_WORKFLOWS) return;
    const fields = { temporal: true, ...(meta?.['error'] instanceof Error ? { error: meta['error'].message } : {}) };
    if (level === 'ERROR') log.error(fields, message);
    else log.warn(fields, message);
  }),
});
