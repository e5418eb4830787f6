import type { OperatorDecision, SettleInput, SettleResult } from '../../workflows/contract/activities.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { StopReason } from '../../workflows/contract/stop.js';
import { isAnswer, toOpenCall } from './standing.js';
import type { LockedSession, SessionStore } from './store.port.js';
import { answeredCall, idleEvents, statusEvents, textResultEvent } from './wire-events.js';
import { isReleasedToWorker } from './worker-loss.js';

/** Applies what people and clients decided to the calls that wait, and tells clients what still waits for them. */
export const createSettle =
  (deps: { readonly store: SessionStore }) =>
  (input: SettleInput): Promise<SettleResult> =>
    deps.store.locked(input, async (session) => {
      const { record } = session;
      if (record.status === 'terminated' || decodeFence(record.fence).epoch !== input.epoch) return { kind: 'superseded' };
      const rejected = [];
      for (const decision of input.decisions) {
        const reason = await applyOperatorDecision(session, decision);
        if (reason) rejected.push({ toolUseId: decision.toolUseId, reason });
      }
      if (input.expireBy !== null) await denyExpired(session, input.expireBy);
      await takeAnswers(session);
      await closeDenied(session);
      await session.clearWake();
      const open = await session.openToolCalls();
      if (open.some(isReleasedToWorker)) await session.callWorker();
      const calls = open.map(toOpenCall);
      await announce(
        session,
        calls.filter(({ gate }) => gate !== 'run').map(({ id }) => id),
        calls.some(({ gate }) => gate === 'run'),
      );
      return { kind: 'settled', calls, modelDue: session.record.modelDue || calls.length === 0, rejected };
    });

/** The decision counts if it is the first; either way the trace says who asked for it. Answers the reason of a refusal. */
async function applyOperatorDecision(session: LockedSession, decision: OperatorDecision): Promise<string | undefined> {
  const by = `temporal-operator${decision.by ? ` (unverified: ${decision.by})` : ''}`;
  const call = decision.problem ? undefined : await session.findToolCall(decision.toolUseId);
  const trace = await session.startAttempt({
    turn: session.record.turn,
    step: decodeFence(session.record.fence).step,
    kind: 'approval',
    name: call?.name ?? 'approve',
    key: `approval:${decision.toolUseId}`,
    attempt: 1,
  });
  const reason = decision.problem ?? (await refusal(session, call, decision, by));
  const detail = { tool_use_id: decision.toolUseId, result: decision.result, door: 'temporal', by };
  if (reason) {
    await session.endAttempt(trace, { outcome: 'rejected', errorCode: 'approval.rejected', errorMessage: reason, detail });
    return reason;
  }
  await session.endAttempt(trace, { outcome: 'ok', detail });
  await session.append([
    {
      type: 'user.tool_confirmation',
      body: { tool_use_id: decision.toolUseId, result: decision.result, ...(decision.denyMessage ? { deny_message: decision.denyMessage } : {}) },
    },
  ]);
  return undefined;
}

async function refusal(
  session: LockedSession,
  call: Awaited<ReturnType<LockedSession['findToolCall']>>,
  decision: OperatorDecision,
  by: string,
): Promise<string | undefined> {
  if (!call) return 'no such call in this session';
  if (call.permission !== 'ask') return `the call was evaluated "${call.permission}"`;
  const first = await session.decide(call.id, { result: decision.result, by, denyMessage: decision.denyMessage ?? null });
  return first ? undefined : 'it was decided or ended before';
}

async function denyExpired(session: LockedSession, now: number): Promise<void> {
  for (const call of await session.openToolCalls()) {
    if (call.permission !== 'ask' || call.decision || !call.decideBy || call.decideBy.getTime() > now) continue;
    await session.decide(call.id, { result: 'deny', by: 'timeout', denyMessage: 'Nobody decided about this call in the time allowed.' });
  }
}

/** Moves confirmations and client results into the log; a result ends its call. Messages stay for the next step. */
async function takeAnswers(session: LockedSession): Promise<void> {
  const answers = (await session.readInbox()).filter(({ type }) => isAnswer(type));
  await session.takeInbox(answers);
  for (const answer of answers) {
    const callId = answeredCall(answer);
    if (callId === undefined) continue;
    await session.finishToolCall(callId);
    await session.sealEffect(callId, { kind: 'done', outcome: 'completed', isError: answer.body['is_error'] === true });
  }
}

async function closeDenied(session: LockedSession): Promise<void> {
  for (const call of await session.openToolCalls()) {
    if (call.decision !== 'deny') continue;
    const text = call.denyMessage ?? 'This call was not allowed. Do not repeat it; go on without it or ask what to do.';
    await session.append([textResultEvent(call, text, true)]);
    await session.finishToolCall(call.id);
    await session.sealEffect(call.id, { kind: 'done', outcome: 'completed', isError: true });
  }
}

/** Says on the wire whether the session waits or goes on; says nothing when nothing changed. */
async function announce(session: LockedSession, waiting: readonly string[], runnable: boolean): Promise<void> {
  const { record } = session;
  if (waiting.length > 0 && !runnable) {
    const stopReason: StopReason = { type: 'requires_action', event_ids: waiting };
    const told = record.status === 'idle' && JSON.stringify(record.stopReason) === JSON.stringify(stopReason);
    if (told) return;
    await session.append(idleEvents(record, stopReason));
    await session.update({ status: 'idle', stopReason });
    await session.moveInvocations({ status: 'requires_action', stopReason, usage: record.turnUsage });
  } else if (record.status !== 'running' && (runnable || record.modelDue)) {
    await session.append(statusEvents(record, 'running'));
    await session.update({ status: 'running', stopReason: null });
    await session.moveInvocations({ status: 'running', stopReason: null, usage: record.turnUsage });
  }
}
