import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { SessionActivities } from '../contract/activities.js';

/** A dead worker is noticed after this long without a heartbeat. */
const heartbeatTimeout = '5s';

/**
 * Every timeout and retry of the loop, one row per activity. Attempts are unlimited where only an outage of our own can
 * fail them; how often a model or a sandbox is tried again is decided by the activities, which know why it failed.
 * TRY_CANCEL: an interrupt never waits for an activity; the fence keeps a late one from writing.
 */
const model = proxyActivities<Pick<SessionActivities, 'callModel'>>({
  startToCloseTimeout: '60m',
  heartbeatTimeout,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '60s' },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

const tool = proxyActivities<Pick<SessionActivities, 'runTool'>>({
  startToCloseTimeout: '2h',
  heartbeatTimeout,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

const records = proxyActivities<Pick<SessionActivities, 'settle' | 'seal'>>({
  startToCloseTimeout: '15s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

const outputs = proxyActivities<Pick<SessionActivities, 'collectOutputs'>>({
  startToCloseTimeout: '10m',
  heartbeatTimeout,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 3 },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

const sandbox = proxyActivities<Pick<SessionActivities, 'releaseSandbox'>>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 3 },
});

/**
 * After this long without a taker the host is dead, as far as a session is concerned. With the time in which a lost heartbeat is noticed it
 * makes the fifteen seconds after which hosts take each other for dead.
 */
const HOST_ANSWERS_WITHIN = '10s' as const;

/** On the task queue of one host; on the common one without a name. */
const at = (taskQueue: string | undefined) => (taskQueue === undefined ? {} : { taskQueue, scheduleToStartTimeout: HOST_ANSWERS_WITHIN });

/**
 * Each activity with the words an operator reads beside it; never an argument, a prompt or an output. What needs the session's sandbox
 * begins with the task queue of the host that has it.
 */
export const activities = {
  callModel: (summary: string, ...args: Parameters<SessionActivities['callModel']>) => model.callModel.executeWithOptions({ summary }, args),
  runTool: (host: string | undefined, summary: string, ...args: Parameters<SessionActivities['runTool']>) =>
    tool.runTool.executeWithOptions({ summary, ...at(host) }, args),
  settle: (summary: string, ...args: Parameters<SessionActivities['settle']>) => records.settle.executeWithOptions({ summary }, args),
  seal: (summary: string, ...args: Parameters<SessionActivities['seal']>) => records.seal.executeWithOptions({ summary }, args),
  collectOutputs: (host: string | undefined, ...args: Parameters<SessionActivities['collectOutputs']>) =>
    outputs.collectOutputs.executeWithOptions({ summary: 'outputs · collect', ...at(host) }, args),
  releaseSandbox: (host: string | undefined, ...args: Parameters<SessionActivities['releaseSandbox']>) =>
    sandbox.releaseSandbox.executeWithOptions({ summary: 'sandbox · release', ...at(host) }, args),
};
