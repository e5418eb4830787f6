import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, type NativeConnection, type RuntimeOptions, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../../infra/config/config.js';
import type { SessionActivities } from '../../workflows/contract/activities.js';

/** Of the workflow code, short: every task notes it in history, three times for each tool call. */
const buildId = (): string => createHash('sha256').update(readFileSync(BUNDLE)).digest('hex').slice(0, 8);

const BUNDLE = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));

/** Settings measured in reference runs: a dead worker's sticky queue must not hold its sessions, and cancels must arrive quickly. */
export const createWorkerOptions = (parts: {
  readonly config: Config;
  readonly connection: NativeConnection;
  readonly activities: SessionActivities;
}): WorkerOptions => ({
  connection: parts.connection,
  namespace: parts.config.temporal.namespace,
  taskQueue: parts.config.temporal.taskQueue,
  workflowBundle: { codePath: BUNDLE },
  workerDeploymentOptions: { version: { deploymentName: 'rondo', buildId: buildId() }, useWorkerVersioning: false },
  activities: parts.activities,
  maxConcurrentActivityTaskExecutions: 200,
  maxConcurrentWorkflowTaskExecutions: 40,
  // A frozen worker is still handed a task for each of its open polls; few polls mean it is passed over soon. Most activities
  // are handed out with the answer to a workflow task anyway.
  maxConcurrentActivityTaskPolls: 2,
  maxConcurrentWorkflowTaskPolls: 3,
  maxHeartbeatThrottleInterval: '1s',
  defaultHeartbeatThrottleInterval: '1s',
  stickyQueueScheduleToStartTimeout: '2s',
  shutdownGraceTime: '10s',
  shutdownForceTime: '20s',
});

/** Temporal's own log lines go through ours, so that they are redacted like any other. */
export const quietRuntime = (log: Logger): RuntimeOptions => ({
  shutdownSignals: [],
  telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
    const fields = { temporal: true, ...(meta?.['error'] instanceof Error ? { error: meta['error'].message } : {}) };
    if (level === 'ERROR') log.error(fields, message);
    else log.warn(fields, message);
  }),
});
