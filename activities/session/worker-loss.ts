import { decodeFence } from '../../workflows/contract/fence.js';
import { isOverBudget } from '../../workflows/contract/list-cost.js';
import type { NewEvent, ToolCallRecord, WorkRecord } from '../../workflows/contract/records.js';
import { isAnswer } from './standing.js';
import type { LockedSession } from './store.port.js';
import { textResultEvent } from './wire-events.js';

/** A worker that fails at once must not be called again in a hurry. */
const PAUSE_AFTER_STOP_MS = 1_000;

const UNKNOWN = 'Whether the call ran, in whole or in part, is unknown: look at the state of things before you repeat it.';
const WHY = { lapsed: 'The worker that had this call was lost.', stopped: 'The worker that had this call stopped without answering it.' } as const;
type Ending = keyof typeof WHY;

/** Calls a worker may run, or may have begun to run: allowed, and without an answer. */
export const isReleasedToWorker = (call: ToolCallRecord): boolean =>
  call.kind === 'worker' && (call.permission === 'allow' || call.decision === 'allow') && !call.answeredAt && !call.finishedAt;

/**
 * Ends a worker's hold on an item: it stopped, or its lease lapsed. Calls that were released to it are answered first,
 * because the next worker would run every unanswered call again; with the policy `rerun` that is what is wanted. A lapsed
 * item goes back into the queue while the session has something to do. Answers whether the workflow must be woken.
 */
export async function endWork(session: LockedSession, item: WorkRecord, how: Ending, newEventId: () => string): Promise<{ readonly wake: boolean }> {
  const held = item.state === 'starting' || item.state === 'active' || item.state === 'stopping';
  const wake = held && (await session.workerLossPolicy()) === 'unknown' ? await answerReleased(session, item, how, newEventId) : false;
  const { status } = session.record;
  const workerNeeded = (await session.openToolCalls()).some(isReleasedToWorker) || (await inputsGoOn(session));
  if (how === 'lapsed' && item.state !== 'stopping' && status !== 'terminated' && (workerNeeded || status !== 'idle')) {
    await session.offerWorkAgain(item.id);
  } else {
    await session.stopWork(item.id);
    if (workerNeeded) await session.callWorker({ afterMs: PAUSE_AFTER_STOP_MS });
  }
  return { wake };
}

/** Whether what waits in the inbox makes the session go on: a word of the operator alone does not, nor a message beyond the budget. */
async function inputsGoOn(session: LockedSession): Promise<boolean> {
  const inbox = await session.readInbox();
  return inbox.some(({ type }) => isAnswer(type) || (type === 'user.message' && !isOverBudget(session.record)));
}

/** The answers go the way of a worker's own ones, so that whichever was accepted first counts. */
async function answerReleased(session: LockedSession, item: WorkRecord, how: Ending, newEventId: () => string): Promise<boolean> {
  const answers: NewEvent[] = [];
  for (const call of (await session.openToolCalls()).filter(isReleasedToWorker)) {
    if (!(await session.answerToolCall(call.id))) continue;
    answers.push(textResultEvent(call, `${WHY[how]} ${UNKNOWN}`, true));
    await noteLoss(session, call, item);
  }
  if (answers.length === 0) return false;
  return (await session.putInbox(answers.map(({ type, body }) => ({ id: newEventId(), type, body })))).wake;
}

async function noteLoss(session: LockedSession, call: ToolCallRecord, item: WorkRecord): Promise<void> {
  const { turn, fence } = session.record;
  const trace = await session.startAttempt({ turn, step: decodeFence(fence).step, kind: 'tool_call', name: call.name, key: call.id, attempt: 1 });
  await session.endAttempt(trace, { outcome: 'lost', detail: { tool_use_id: call.id, work_id: item.id, claim: item.claim } });
}
