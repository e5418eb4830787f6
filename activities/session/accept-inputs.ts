import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence, encodeFence } from '../../workflows/contract/fence.js';
import { isOverBudget } from '../../workflows/contract/list-cost.js';
import type { JsonObject } from '../../workflows/contract/records.js';
import type { InputEvent } from '../../workflows/contract/schema/input-event.js';
import { checkFiles } from './check-files.js';
import type { LockedSession } from './store.port.js';

export interface AcceptedInput {
  readonly id: string;
  readonly type: string;
  readonly body: JsonObject;
}

/**
 * Accepts a batch of inputs, all or nothing: the durable acceptance. Decisions take effect here, under the lock, so that
 * the first one wins and its sender is answered at once; an interrupt raises the fence here, so that nothing of the
 * interrupted step is written any more. Errors: `session.terminated`, `thread.not_found`, `tool_call.*`, `file.*`.
 * @returns whether the workflow must be woken, and whether what runs now must stop, once the transaction has committed.
 */
export async function acceptInputs(
  session: LockedSession,
  inputs: readonly { readonly id: string; readonly event: InputEvent }[],
): Promise<{ readonly accepted: readonly AcceptedInput[]; readonly wake: boolean; readonly stop: boolean }> {
  if (session.record.status === 'terminated') {
    throw new RondoError('session.terminated', `Session ${session.record.id} is terminated; create a new session to go on.`);
  }
  refuseMisplaced(inputs.map(({ event }) => event));
  const accepted: AcceptedInput[] = [];
  const forLoop: AcceptedInput[] = [];
  let stop = false;
  for (const { id, event } of inputs) {
    refuseBeyondBudget(session, event);
    if (event.type === 'user.message' || event.type === 'user.custom_tool_result' || event.type === 'user.tool_result')
      await checkFiles(session, event.content ?? []);
    const { type, ...body } = event;
    if (event.type === 'user.tool_confirmation' && (await confirm(session, event)) === 'network') {
      // The egress gateway holds the request; the loop has no part in it.
      await session.append([{ id, type, body }]);
      accepted.push({ id, type, body });
      continue;
    }
    if (event.type === 'user.custom_tool_result' && !(await answer(session, 'custom', 'custom_tool_use_id', event.custom_tool_use_id))) continue;
    if (event.type === 'user.tool_result' && !(await answer(session, 'worker', 'tool_use_id', event.tool_use_id))) continue;
    if (event.type === 'user.interrupt') {
      refuseOtherThread(session, event.session_thread_id);
      const { epoch } = decodeFence(session.record.fence);
      await session.update({ fence: encodeFence({ epoch: epoch + 1, step: 0 }) });
      stop = true;
    }
    accepted.push({ id, type, body });
    forLoop.push({ id, type, body });
  }
  if (forLoop.length === 0) return { accepted, wake: false, stop };
  const { wake } = await session.putInbox(forLoop);
  if (forLoop.some(({ type }) => type !== 'user.interrupt')) await session.callWorker();
  return { accepted, wake: wake || stop, stop };
}

/** A word of the operator accompanies what it follows: one in a batch, the last, behind a message or a result. */
function refuseMisplaced(events: readonly InputEvent[]): void {
  const index = events.findIndex(({ type }) => type === 'system.message');
  if (index >= 0) {
    const before = events[index - 1]?.type;
    const follows = before === 'user.message' || before === 'user.tool_result' || before === 'user.custom_tool_result';
    if (!follows || index !== events.length - 1) {
      throw new RondoError(
        'request.invalid',
        `events[${index}]: a system.message must be the last event of a request, right behind a user.message or a tool result.`,
      );
    }
  }
  const outcome = events.findIndex(({ type }) => type === 'user.define_outcome');
  if (outcome >= 0) throw new RondoError('request.invalid', `events[${outcome}].type: "user.define_outcome" is not supported yet; send a user.message.`);
}

/** An interrupt of a thread that is not there must not end what the session does. */
function refuseOtherThread({ record }: LockedSession, threadId: string | null | undefined): void {
  if (threadId == null || threadId === record.primaryThreadId) return;
  throw new RondoError('thread.not_found', `session_thread_id: ${JSON.stringify(threadId.slice(0, 100))} is not a thread of session ${record.id}.`);
}

/** Beyond the budget only what ends or answers something is accepted (wire section 3.2). */
function refuseBeyondBudget({ record }: LockedSession, event: InputEvent): void {
  if (!isOverBudget(record) || (event.type !== 'user.message' && event.type !== 'system.message')) return;
  throw new RondoError('session.budget_reached', `Session ${record.id} has reached its budget; raise or remove it (POST /v1/sessions/${record.id}) first.`, {
    details: { reason: 'budget_reached' },
  });
}

/** Decides a tool call, or answers whether the session may reach a host. */
async function confirm(session: LockedSession, event: Extract<InputEvent, { type: 'user.tool_confirmation' }>): Promise<'call' | 'network'> {
  const call = await session.findToolCall(event.tool_use_id);
  const question = call ? undefined : await session.answerNetworkQuestion(event.tool_use_id, { result: event.result, scope: event.scope ?? 'once' });
  if (question?.answered) return 'network';
  if (question) throw new RondoError('tool_call.already_answered', `tool_use_id: the question ${event.tool_use_id} has been answered, or its time is over.`);
  if (!call) throw new RondoError('tool_call.not_found', `tool_use_id: ${event.tool_use_id} is not a tool call of session ${session.record.id}.`);
  if (event.scope)
    throw new RondoError('request.invalid', `scope: ${call.id} is a tool call; scope belongs to answers to rondo.network_confirmation_required.`);
  if (call.permission !== 'ask') {
    throw new RondoError(
      'tool_call.not_waiting',
      `tool_use_id: ${call.id} was evaluated "${call.permission}"; only calls evaluated "ask" take a confirmation.`,
    );
  }
  const first = await session.decide(call.id, { result: event.result, by: 'api', denyMessage: event.deny_message ?? null });
  if (!first) throw new RondoError('tool_call.already_answered', `tool_use_id: ${call.id} has been decided or has ended already.`);
  return 'call';
}

/** False when the same call was answered before: a repeated request after a lost response, accepted and ignored. */
async function answer(session: LockedSession, kind: 'custom' | 'worker', field: string, callId: string): Promise<boolean> {
  const call = await session.findToolCall(callId);
  if (call?.kind !== kind) {
    const what = kind === 'custom' ? 'a custom tool call' : 'a tool call that a worker of the environment runs';
    throw new RondoError('tool_call.not_found', `${field}: ${callId} is not ${what} of session ${session.record.id}.`);
  }
  if (call.permission === 'ask' && call.decision !== 'allow' && !call.finishedAt) {
    throw new RondoError('tool_call.not_waiting', `${field}: ${callId} has not been allowed; send user.tool_confirmation first.`);
  }
  return session.answerToolCall(call.id);
}
