import type { SealInput, SealResult, SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence, encodeFence } from '../../workflows/contract/fence.js';
import type { EffectRecord, ToolCallRecord } from '../../workflows/contract/records.js';
import { END_POLICIES, type EndCause } from '../../workflows/contract/stop.js';
import { runsRemotely } from '../tools/catalog.js';
import { readStanding } from './standing.js';
import type { LockedSession, SessionStore } from './store.port.js';
import { answeredCall, idleEvents, textResultEvent } from './wire-events.js';
import { isReleasedToWorker } from './worker-loss.js';

export interface SealDependencies {
  readonly store: SessionStore;
  readonly defaultMaxSteps: number;
  /** Stops calls that may still run in the session's sandbox; best effort, bounded in time. */
  readonly stopCalls: (ref: SessionRef, callIds: readonly string[]) => Promise<void>;
}

/**
 * Ends what is open: after it every call has a result, no model request is open, and nothing of the step before can be
 * written any more. With no cause and no interrupt waiting it only moves the fence and reads where the session stands.
 */
export const createSeal =
  (deps: SealDependencies) =>
  async (input: SealInput): Promise<SealResult> => {
    let stopped: readonly string[] = [];
    const seal = async (session: LockedSession): Promise<SealResult> => {
      const { record } = session;
      if (record.status === 'terminated') {
        await session.clearWake();
        return { kind: 'terminated' };
      }
      const { epoch } = decodeFence(record.fence);
      const interrupts = (await session.readInbox()).filter(({ type }) => type === 'user.interrupt');
      const cause = interrupts.length > 0 ? 'interrupted' : input.epoch === null || input.epoch === epoch ? input.cause : null;
      await session.update({ fence: encodeFence({ epoch: epoch + 1, step: 0 }) });
      await session.clearWake();
      await closeModelCalls(session);
      await session.takeInbox(interrupts);
      if (cause) stopped = await endTurn(session, cause);
      return { kind: 'standing', ...(await readStanding(session, deps.defaultMaxSteps)) };
    };
    const result = await deps.store.locked(input, seal).catch(terminatedIfDeleted);
    if (stopped.length > 0) await deps.stopCalls(input, stopped);
    return result;
  };

/** A deleted session has ended, as far as its run is concerned. */
function terminatedIfDeleted(error: unknown): SealResult {
  if (error instanceof RondoError && error.code === 'session.not_found') return { kind: 'terminated' };
  throw error;
}

/** A model request whose attempt can no longer answer gets its end in the log. */
export async function closeModelCalls(session: LockedSession): Promise<void> {
  for (const effect of await session.unsealedEffects('model:')) {
    if (effect.startEventId) {
      await session.append([
        {
          type: 'span.model_request_end',
          body: {
            model_request_start_id: effect.startEventId,
            is_error: true,
            model_usage: { input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
          },
        },
      ]);
    }
    await session.sealEffect(effect.key, { kind: 'superseded' });
  }
}

/** Gives every open call its result, tells clients why the turn is over, and ends its invocations. */
async function endTurn(session: LockedSession, cause: EndCause): Promise<readonly string[]> {
  const { record } = session;
  const open = await session.openToolCalls();
  const wasActive = record.status !== 'idle' || record.modelDue || record.stopReason?.type === 'requires_action' || open.length > 0;
  await session.takeInbox((await session.readInbox()).filter(({ type }) => type === 'user.tool_confirmation'));
  const started = await closeOpenCalls(session, open, cause);
  if (!wasActive) return started;

  const policy = END_POLICIES[cause];
  const message = await lastErrorMessage(session, cause);
  if ('error' in policy) {
    await session.append([{ type: 'session.error', body: { error: { type: policy.error, message, retry_status: { type: 'exhausted' } } } }]);
  }
  await session.append(idleEvents(record, { type: policy.stop }));
  await session.update({ status: 'idle', stopReason: { type: policy.stop }, modelDue: false });
  await session.moveInvocations({
    status: policy.invocation,
    stopReason: { type: policy.stop, cause, message },
    usage: record.turnUsage,
    output: await lastMessage(session),
  });
  return started;
}

/** Results for calls that will get none. A client's result that is already in the inbox is better than ours. */
export async function closeOpenCalls(session: LockedSession, open: readonly ToolCallRecord[], cause: EndCause | 'killed'): Promise<string[]> {
  const answers = (await session.readInbox()).filter((input) => answeredCall(input) !== undefined);
  await session.takeInbox(answers);
  const answered = new Set(answers.map(answeredCall));
  const started: string[] = [];
  for (const call of open) {
    const effect = await session.findEffect(call.id);
    if (effect?.generation != null) started.push(call.id);
    if (!answered.has(call.id)) await session.append([textResultEvent(call, sealedText(cause, call, effect), true)]);
    await session.finishToolCall(call.id);
    await session.sealEffect(call.id, { kind: 'done', outcome: 'interrupted', isError: true });
  }
  return started;
}

function sealedText(cause: EndCause | 'killed', call: ToolCallRecord, effect: EffectRecord | undefined): string {
  const why = cause === 'interrupted' ? 'The user interrupted the turn.' : 'The turn was ended.';
  if (isReleasedToWorker(call)) return `${why} A worker may have begun this call; what it did until then stays done.`;
  if (effect && runsRemotely(call)) return `${why} This call had been sent, and its answer was not waited for; what it did or still does stays done.`;
  return effect?.generation != null ? `${why} This call was stopped while it ran; what it did until then stays done.` : `${why} This call was not run.`;
}

/** The provider's own (redacted) words where a model request failed; otherwise the cause's sentence. */
async function lastErrorMessage(session: LockedSession, cause: EndCause): Promise<string> {
  const { message } = END_POLICIES[cause];
  const { turn, turnUsage } = session.record;
  if (!cause.startsWith('model_') && cause !== 'internal') return message;
  const attempts = await session.attemptsOf(modelAttemptKey(turn, turnUsage.steps + 1));
  const last = attempts.findLast(({ errorMessage }) => errorMessage !== null);
  return last?.errorMessage ? `${message} ${last.errorMessage}` : message;
}

/** Key of the trace rows of one model request of a turn, over all its attempts. */
export const modelAttemptKey = (turn: number, step: number): string => `model:${turn}.${step}`;

/** The content of the turn's last agent.message, if it said anything. */
export async function lastMessage(session: LockedSession): Promise<readonly unknown[]> {
  const events = await session.readEvents();
  const turnStart = events.findLastIndex(({ type }) => type === 'user.message');
  const last = events.findLast(({ type }, index) => type === 'agent.message' && index > turnStart);
  return (last?.body['content'] as unknown[] | undefined) ?? [];
}
