import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { EndCause } from '../contract/stop.js';
import type { Run } from './run.js';
import { deadlineOf, type Outcome } from './turn.js';

/**
 * Runs work that an interrupt, or the turn's deadline, cuts short. Nothing waits for what was cut: the fence keeps it from
 * writing. An activity that failed for good ends the turn; any other error is a bug and fails the workflow task.
 */
export async function interruptible(run: Run, work: () => Promise<Outcome>): Promise<Outcome> {
  const scope = new CancellationScope();
  const clock = new CancellationScope();
  const deadline = deadlineOf(run.state);
  let cause: EndCause | null = null;
  run.interruptible = scope;
  if (deadline !== undefined) {
    void clock
      .run(() => sleep(Math.max(1, deadline - Date.now())))
      .then(
        () => {
          cause = 'max_seconds';
          scope.cancel();
        },
        () => undefined,
      );
  }
  try {
    return await scope.run(work);
  } catch (error) {
    if (isCancellation(error)) return { type: 'cut', cause: cause ?? run.ended };
    if (error instanceof Error && error.name === 'ActivityFailure') return { type: 'cut', cause: 'internal' };
    throw error;
  } finally {
    run.interruptible = undefined;
    clock.cancel();
  }
}
