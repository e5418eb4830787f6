import { defineSearchAttributeKey } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import type { TemporalView } from '../support/temporal.js';
import { descriptionDocuments } from './places.js';
import type { Document } from './secret-forms.js';

const NAMESPACE = 'rondo';
const COMMAND_SCHEDULE_ACTIVITY = 1;
const COMMAND_FAIL_WORKFLOW = 5;
const MODEL = defineSearchAttributeKey('RondoModel', 'KEYWORD');

const payload = (value: string) => ({ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(value)) });
const payloads = (value: string) => ({ payloads: [payload(value)] });

/**
 * A workflow with one planted text in each place where Temporal could keep one. Its worker is this function, task by task,
 * over the server's own protocol. Answers what the server said of it while its activity ran.
 */
export async function plantWorkflow(temporal: TemporalView, workflowId: string, planted: (place: string) => string): Promise<Document[]> {
  const { workflowService: service } = temporal.connection;
  const soon = <T>(poll: () => Promise<T>): Promise<T> => temporal.connection.withDeadline(Date.now() + 30_000, poll);
  const taskQueue = { name: workflowId };
  const own = { namespace: NAMESPACE, identity: 'planter' };
  await temporal.client.workflow.start('planted', {
    workflowId,
    taskQueue: taskQueue.name,
    args: [planted('argument')],
    memo: { note: planted('memo') },
    staticSummary: planted('summary'),
    staticDetails: planted('details'),
    typedSearchAttributes: [{ key: MODEL, value: planted('search-attribute') }],
  });

  const scheduling = await soon(() => service.pollWorkflowTaskQueue({ ...own, taskQueue }));
  await service.respondWorkflowTaskCompleted({
    ...own,
    taskToken: scheduling.taskToken,
    commands: [
      {
        commandType: COMMAND_SCHEDULE_ACTIVITY,
        userMetadata: { summary: payload(planted('activity-summary')) },
        scheduleActivityTaskCommandAttributes: {
          activityId: '1',
          activityType: { name: 'planted' },
          taskQueue,
          input: payloads(planted('activity-input')),
          scheduleToCloseTimeout: msToTs('60s'),
          heartbeatTimeout: msToTs('60s'),
          retryPolicy: { maximumAttempts: 1 },
        },
      },
    ],
  });
  const activity = await soon(() => service.pollActivityTaskQueue({ ...own, taskQueue }));
  await service.recordActivityTaskHeartbeat({ ...own, taskToken: activity.taskToken, details: payloads(planted('heartbeat')) });
  const whileItRan = await descriptionDocuments(temporal, workflowId);
  await service.respondActivityTaskFailed({
    ...own,
    taskToken: activity.taskToken,
    failure: { message: planted('activity-failure'), applicationFailureInfo: {} },
  });

  const failing = await soon(() => service.pollWorkflowTaskQueue({ ...own, taskQueue }));
  await service.respondWorkflowTaskCompleted({
    ...own,
    taskToken: failing.taskToken,
    commands: [
      {
        commandType: COMMAND_FAIL_WORKFLOW,
        failWorkflowExecutionCommandAttributes: {
          failure: {
            message: planted('failure'),
            stackTrace: planted('stack-trace'),
            applicationFailureInfo: { type: 'planted', details: payloads(planted('failure-details')) },
          },
        },
      },
    ],
  });
  return whileItRan;
}

/** The places that `plantWorkflow` uses. */
export const PLANTED_PLACES = [
  'argument',
  'memo',
  'summary',
  'details',
  'search-attribute',
  'activity-summary',
  'activity-input',
  'heartbeat',
  'activity-failure',
  'failure',
  'stack-trace',
  'failure-details',
] as const;
