import type { CallModelInput, CallModelResult } from '../../workflows/contract/activities.js';
import type { ErrorCode } from '../../workflows/contract/errors.js';
import { encodeFence } from '../../workflows/contract/fence.js';
import { costOf } from '../../workflows/contract/list-cost.js';
import type { Usage } from '../../workflows/contract/records.js';
import type { StopReason } from '../../workflows/contract/stop.js';
import { modelAttemptKey } from '../session/seal.js';
import { progressOf, toOpenCall } from '../session/standing.js';
import type { LockedSession } from '../session/store.port.js';
import { idleEvents, statusEvents, textResultEvent } from '../session/wire-events.js';
import { isReleasedToWorker } from '../session/worker-loss.js';
import { failedAttempts, MAXIMUM_ATTEMPTS } from './attempt-budget.js';
import { toEvents } from './event-writer.js';
import type { ModelReply, ModelUsage } from './model.port.js';
import type { CallModelDependencies, OpenModelCall } from './model-call.js';

/** The second transaction of a step: the whole answer, or nothing when something came first. */
export const finishModelCall = (
  deps: CallModelDependencies,
  input: CallModelInput,
  call: OpenModelCall,
  reply: ModelReply,
  callsDigest: string | undefined,
): Promise<CallModelResult> =>
  deps.store.locked(input, async (session) => {
    if (!(await mayWrite(session, call))) {
      await session.endAttempt(call.attemptId, { outcome: 'superseded', usage: wireUsage(reply.usage) });
      return { kind: 'superseded' };
    }
    const decideBy = new Date(Date.now() + deps.approvalTimeoutMs);
    const { events, calls, refusals } = toEvents(reply, { startEventId: call.startEventId, catalog: call.catalog, step: encodeFence(call.fence), decideBy });
    const usage = wireUsage(reply.usage);
    await session.append([
      ...events,
      { type: 'span.model_request_end', body: { model_request_start_id: call.startEventId, is_error: false, model_usage: usage } },
      ...refusals.map((refusal) => textResultEvent(refusal.call, refusal.text, true)),
    ]);
    await session.addToolCalls(calls);
    await session.endAttempt(call.attemptId, { outcome: 'ok', usage });
    const { record } = session;
    const price = deps.priceOf(record.agent.model.id);
    await session.update({
      usage: addUsage(record.usage, usage),
      turnUsage: addUsage(record.turnUsage, usage),
      modelDue: calls.length > 0,
      ...(price ? { costMicros: record.costMicros + costOf(price, usage) } : {}),
    });
    const queued = (await session.readInbox()).some(({ type }) => type === 'user.message');
    const content = events.findLast(({ type }) => type === 'agent.message')?.body['content'] as unknown[] | undefined;
    if (calls.length === 0) await endOfAnswer(session, reply, content ?? [], queued);

    const open = await session.openToolCalls();
    if (open.some(isReleasedToWorker)) await session.callWorker();
    const result: CallModelResult = {
      kind: 'replied',
      epoch: call.fence.epoch,
      step: call.fence.step,
      progress: progressOf(session.record, deps.defaultMaxSteps),
      calls: open.map(toOpenCall),
      modelDue: queued || session.record.modelDue,
      ...(callsDigest ? { callsDigest } : {}),
      inputTokens: usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
      outputTokens: usage.output_tokens,
    };
    await session.sealEffect(call.effectKey, result);
    return result;
  });

/** A message that came meanwhile goes on in the same turn; otherwise the session is idle and its invocations are done. */
async function endOfAnswer(session: LockedSession, reply: ModelReply, output: readonly unknown[], queued: boolean): Promise<void> {
  if (queued) {
    await session.update({ modelDue: true });
    return;
  }
  const stopReason: StopReason = { type: reply.stop === 'refusal' ? 'refusal' : 'end_turn' };
  await session.append(idleEvents(session.record, stopReason));
  await session.update({ status: 'idle', stopReason });
  await session.moveInvocations({ status: 'completed', stopReason: { ...stopReason, model_stop_reason: reply.stop }, output, usage: session.record.turnUsage });
}

/** Notes a failed attempt. While it will be tried again clients are told so, as on the wire. */
export const recordFailedAttempt = (
  deps: CallModelDependencies,
  input: CallModelInput,
  call: OpenModelCall,
  failure: { readonly code: ErrorCode; readonly message: string; readonly final: boolean },
): Promise<'retry' | 'give_up' | 'superseded'> =>
  deps.store.locked(input, async (session) => {
    const { turn, turnUsage } = session.record;
    const valid = await mayWrite(session, call);
    await session.endAttempt(call.attemptId, { outcome: valid ? 'error' : 'superseded', errorCode: failure.code, errorMessage: failure.message });
    if (!valid) return 'superseded';
    const failures = await failedAttempts(session, modelAttemptKey(turn, turnUsage.steps + 1));
    if (failure.final || failures >= MAXIMUM_ATTEMPTS) return 'give_up';
    const type = failure.code === 'model.rate_limited' ? 'model_rate_limited_error' : 'model_overloaded_error';
    await session.append([
      { type: 'session.error', body: { error: { type, message: failure.message, retry_status: { type: 'retrying' } } } },
      ...(session.record.status === 'rescheduling' ? [] : statusEvents(session.record, 'rescheduled')),
    ]);
    await session.update({ status: 'rescheduling' });
    return 'retry';
  });

/** The step is still the session's current one and this attempt is its newest. */
async function mayWrite(session: LockedSession, call: OpenModelCall): Promise<boolean> {
  if (session.record.status === 'terminated' || session.record.fence !== encodeFence(call.fence)) return false;
  const effect = await session.findEffect(call.effectKey);
  return effect !== undefined && !effect.sealed && effect.attempt === call.attempt;
}

const wireUsage = (usage: ModelUsage): Omit<Usage, 'steps'> => ({
  input_tokens: usage.inputTokens,
  output_tokens: usage.outputTokens,
  cache_read_input_tokens: usage.cacheReadInputTokens,
  cache_creation_input_tokens: usage.cacheCreationInputTokens,
});

const addUsage = (total: Usage, more: Omit<Usage, 'steps'>): Usage => ({
  input_tokens: total.input_tokens + more.input_tokens,
  output_tokens: total.output_tokens + more.output_tokens,
  cache_read_input_tokens: total.cache_read_input_tokens + more.cache_read_input_tokens,
  cache_creation_input_tokens: total.cache_creation_input_tokens + more.cache_creation_input_tokens,
  steps: total.steps + 1,
});
