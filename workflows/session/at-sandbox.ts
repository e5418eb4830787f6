import { ActivityFailure, sleep, TimeoutFailure } from '@temporalio/workflow';
import type { Elsewhere } from '../contract/activities.js';
import type { Run } from './run.js';

/** Hosts that send each other a session this often in a row do not agree; then they are given time to. */
const HOPS_AT_ONCE = 4;
const PAUSE_MS = 1_000;

/**
 * Asks for something on the host that has the session's sandbox: where the run last found it, otherwise anywhere, and on from there. A
 * host that does not answer is dead: then anywhere again.
 */
export async function atSandbox<Result>(run: Run, ask: (host: string | undefined) => Promise<Result | Elsewhere>): Promise<Result> {
  for (let hops = 1; ; hops += 1) {
    const host = run.host;
    try {
      const answer = await ask(host);
      if (!isElsewhere(answer)) return answer;
      run.host = answer.taskQueue;
    } catch (error) {
      if (host === undefined || !wasNeverTaken(error)) throw error;
      if (run.host === host) run.host = undefined;
    }
    if (hops % HOPS_AT_ONCE === 0) await sleep(PAUSE_MS);
  }
}

const isElsewhere = (answer: unknown): answer is Elsewhere => (answer as Elsewhere | undefined)?.kind === 'elsewhere';

/** Nobody began with it, or whoever had begun is gone and nobody took it over. */
const wasNeverTaken = (error: unknown): boolean =>
  error instanceof ActivityFailure && error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_START';
