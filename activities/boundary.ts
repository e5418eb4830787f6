import { ApplicationFailure, CancelledFailure, Context, heartbeat } from '@temporalio/activity';
import type { SessionRef } from '../workflows/contract/activities.js';
import { ERRORS, type ErrorCode, RondoError } from '../workflows/contract/errors.js';
import { isWithdrawn, withdrawal } from './withdrawal.js';

/** Tells activities of a session to stop now: quicker than Temporal's cancellation, which comes as well. */
export interface StopBus {
  /** @returns a function that ends the subscription */
  onStop(sessionId: string, handler: () => void): () => void;
}

export interface BoundaryDependencies {
  readonly stopBus: StopBus;
  /** Of this host alone: what comes by it was sent here. */
  readonly hostTaskQueue: string;
  /** Takes every configured secret out of foreign text. */
  readonly redact: (text: string) => string;
  readonly log: { warn(fields: object, message: string): void };
}

export interface ActivityRun {
  /** Aborted by an interrupt, a kill or a cancellation, which end the work, or by a withdrawal (withdrawal.ts), which ends the attempt only. */
  readonly signal: AbortSignal;
  readonly attempt: number;
  /** Whether it was sent to this very host. */
  readonly placement?: 'anywhere' | 'chosen';
}

const HEARTBEAT_EVERY_MS = 1_000;
const MAXIMUM_MESSAGE = 500;

/**
 * The one wrapper of every activity: heartbeats by timer, one abort signal from all ways of stopping, and errors that
 * leave as failures without foreign text in them.
 */
export const createBoundary =
  (deps: BoundaryDependencies) =>
  <Input extends SessionRef, Result>(name: string, work: (input: Input, run: ActivityRun) => Promise<Result>) =>
  async (input: Input): Promise<Result> => {
    const context = Context.current();
    const stop = new AbortController();
    const end = () => stop.abort(new RondoError('step.superseded', 'The session was stopped.'));
    const isCancelled = () => context.cancellationDetails?.cancelRequested === true;
    const followTemporal = () => (isCancelled() ? end() : stop.abort(withdrawal()));
    if (context.cancellationSignal.aborted) followTemporal();
    context.cancellationSignal.addEventListener('abort', followTemporal);
    const unsubscribe = deps.stopBus.onStop(input.sessionId, end);
    const beat = context.info.heartbeatTimeoutMs ? setInterval(() => heartbeat(), HEARTBEAT_EVERY_MS) : undefined;
    try {
      const placement = context.info.taskQueue === deps.hostTaskQueue ? 'chosen' : 'anywhere';
      const result = await work(input, { signal: stop.signal, attempt: context.info.attempt, placement });
      if (isCancelled() || isWithdrawn(stop.signal)) stop.signal.throwIfAborted();
      return result;
    } catch (thrown) {
      if (isCancelled()) throw new CancelledFailure('cancelled');
      const error = isWithdrawn(stop.signal) ? stop.signal.reason : thrown;
      const code = error instanceof RondoError ? error.code : 'internal';
      const text = deps.redact(error instanceof Error ? error.message : String(error)).slice(0, MAXIMUM_MESSAGE);
      deps.log.warn({ activity: name, session: input.sessionId, attempt: context.info.attempt, code, error: text }, 'activity attempt failed');
      throw toFailure(code, input.sessionId, error instanceof RondoError ? error.retryAfterMs : undefined);
    } finally {
      clearInterval(beat);
      unsubscribe();
    }
  };

/** The wrapper of an activity that belongs to no session: heartbeats by timer, and errors without foreign text in them. */
export const createChore =
  (deps: Pick<BoundaryDependencies, 'redact' | 'log'>) =>
  <Result>(name: string, work: () => Promise<Result>) =>
  async (): Promise<Result> => {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_EVERY_MS);
    try {
      return await work();
    } catch (error) {
      const text = deps.redact(error instanceof Error ? error.message : String(error)).slice(0, MAXIMUM_MESSAGE);
      deps.log.warn({ activity: name, error: text }, 'chore failed; it is tried again in the next round');
      throw ApplicationFailure.nonRetryable(`${name} failed; the worker's log says more`, error instanceof RondoError ? error.code : 'internal');
    } finally {
      clearInterval(beat);
    }
  };

/**
 * What Temporal keeps of an error: a code, whether to try again, when. The text stays in our log and trace: a provider may
 * quote the prompt in it, a sandbox may say anything.
 */
function toFailure(code: ErrorCode, sessionId: string, retryAfterMs: number | undefined): ApplicationFailure {
  const failure = ApplicationFailure.create({
    message: `${code}; the trace of session ${sessionId} and the worker's log say more`,
    type: code,
    nonRetryable: ERRORS[code].retry === 'never',
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
  });
  failure.stack = '';
  return failure;
}
