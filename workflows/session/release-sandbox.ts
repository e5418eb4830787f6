import { CancellationScope } from '@temporalio/workflow';
import { atSandbox } from './at-sandbox.js';
import { activities } from './proxies.js';
import type { Run } from './run.js';

/** Gives the sandbox back. One that cannot be ended now is the janitor's: no session waits for it. */
export async function releaseSandbox(run: Run, epoch: number | null): Promise<void> {
  try {
    await CancellationScope.nonCancellable(() => atSandbox(run, (host) => activities.releaseSandbox(host, { ...run.ref, epoch })));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ActivityFailure')) throw error;
  }
}
