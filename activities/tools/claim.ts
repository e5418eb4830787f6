import type { RunToolInput, RunToolResult } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { encodeFence } from '../../workflows/contract/fence.js';
import type { AttemptKind, EffectRecord, SessionChange, ToolCallRecord } from '../../workflows/contract/records.js';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { resultEvent } from '../session/wire-events.js';
import { isWithdrawn } from '../withdrawal.js';

/** One attempt's hold on a call. */
export interface Claim {
  readonly attempt: number;
  readonly attemptId: string;
  readonly call: ToolCallRecord;
  readonly input: unknown;
}

type Found =
  | { readonly kind: 'answered'; readonly result: RunToolResult }
  | { readonly kind: 'open'; readonly call: ToolCallRecord; readonly before: EffectRecord | undefined };

/** Whether a call is still to be run: fence, earlier result, earlier claim. Under the session's lock. */
export async function findOpenCall(session: LockedSession, input: RunToolInput): Promise<Found> {
  const call = await session.findToolCall(input.callId);
  if (!call) throw new RondoError('internal', `Tool call ${input.callId} is not in the log of session ${input.sessionId}.`);
  const before = await session.findEffect(call.id);
  if (before?.sealed) return { kind: 'answered', result: before.result as RunToolResult };
  return isCurrent(session, input) ? { kind: 'open', call, before } : { kind: 'answered', result: { kind: 'superseded' } };
}

/** Claims the call for a new attempt and opens its row in the trace; before anything is sent. */
export async function claimCall(session: LockedSession, call: ToolCallRecord, before: EffectRecord | undefined, kind: AttemptKind): Promise<Claim> {
  const attempt = (before?.attempt ?? 0) + 1;
  await session.claimEffect({ key: call.id, attempt });
  const { turn, turnUsage } = session.record;
  const name = call.mcpServerName === null ? call.name : `${call.mcpServerName}/${call.name}`;
  const attemptId = await session.startAttempt({ turn, step: turnUsage.steps, kind, name, key: call.id, attempt });
  const event = await session.findEvent(call.id);
  return { attempt, attemptId, call, input: event?.body['input'] ?? {} };
}

/** What finishing a call does beside: another change of the session; something the model is told before the result. */
export interface FinishOptions {
  readonly change?: ((session: LockedSession) => SessionChange) | undefined;
  readonly preface?: (session: LockedSession) => Promise<string | undefined>;
}

/** Appends the result under the call's id, once; an attempt that was overtaken writes nothing. */
export const finishCall = (
  store: SessionStore,
  input: RunToolInput,
  claim: Claim,
  outcome: ToolOutcome,
  { change, preface }: FinishOptions = {},
): Promise<RunToolResult> =>
  store.locked(input, async (session): Promise<RunToolResult> => {
    const effect = await session.findEffect(input.callId);
    if (effect?.sealed || effect?.attempt !== claim.attempt || !isCurrent(session, input)) {
      await session.endAttempt(claim.attemptId, { outcome: 'superseded' });
      return { kind: 'superseded' };
    }
    const result: RunToolResult = { kind: 'done', outcome: outcome.status, isError: outcome.is_error };
    const before = await preface?.(session);
    const content = before === undefined ? outcome.content : [{ type: 'text' as const, text: before }, ...outcome.content];
    await session.append([resultEvent(claim.call, content, outcome.is_error)]);
    if (change) await session.update(change(session));
    await session.finishToolCall(input.callId);
    await session.sealEffect(input.callId, result);
    await session.endAttempt(claim.attemptId, {
      outcome: outcome.status === 'lost' ? 'lost' : outcome.is_error ? 'error' : 'ok',
      detail: { status: outcome.status },
    });
    return result;
  });

/** An interrupt, a kill or a cancellation has ended the work itself. */
export const isStopped = (signal: AbortSignal): boolean => signal.aborted && !isWithdrawn(signal);

const isCurrent = (session: LockedSession, input: RunToolInput): boolean =>
  session.record.status !== 'terminated' && session.record.fence === encodeFence({ epoch: input.epoch, step: input.step });
