import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { RecordedHistory } from '../support/temporal.js';

/** Runs the workflow code as it is in the source now over a history; rejects where the two disagree. */
export async function createReplayer(): Promise<(history: RecordedHistory) => Promise<void>> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: `${process.cwd()}/workflows/index.ts`, logger });
  return (history) => Worker.runReplayHistory({ workflowBundle }, history);
}
