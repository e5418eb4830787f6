import type { OpenCall, Standing, TurnProgress } from '../../workflows/contract/activities.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import { isOverBudget } from '../../workflows/contract/list-cost.js';
import { NO_USAGE, type SessionRecord, type ToolCallRecord } from '../../workflows/contract/records.js';
import { changesWorkspace, runsRemotely } from '../tools/catalog.js';
import type { LockedSession } from './store.port.js';

/** An open call as the loop sees it. A decided one keeps its gate until the decision has been applied to the log. */
export function toOpenCall(call: ToolCallRecord): OpenCall {
  const asks = call.permission === 'ask' && call.decision !== 'allow';
  return {
    id: call.id,
    ordinal: call.ordinal,
    name: call.name,
    gate: asks ? 'ask' : call.kind === 'custom' || call.kind === 'worker' ? 'client' : 'run',
    serial: changesWorkspace(call),
    ...(runsRemotely(call) ? { remote: true } : {}),
    ...(asks && call.decideBy ? { decideBy: call.decideBy.getTime() } : {}),
  };
}

/** How far the turn is; limits are read anew at each step, so that raising one takes effect at once. */
export function progressOf(session: SessionRecord, defaultMaxSteps: number): TurnProgress {
  const { limits, turnUsage: used, turnStartedAt } = session;
  return {
    turn: session.turn,
    steps: used.steps,
    tokens: used.input_tokens + used.output_tokens + used.cache_read_input_tokens + used.cache_creation_input_tokens,
    limits: {
      maxSteps: limits.max_steps ?? defaultMaxSteps,
      ...(limits.max_tokens === undefined ? {} : { maxTokens: limits.max_tokens }),
      ...(limits.max_seconds === undefined || !turnStartedAt ? {} : { deadline: turnStartedAt.getTime() + limits.max_seconds * 1_000 }),
    },
  };
}

/** Inputs that answer a call: `settle` takes them, not the next model request. */
export const isAnswer = (type: string): boolean => type === 'user.tool_confirmation' || type === 'user.custom_tool_result' || type === 'user.tool_result';

export async function readStanding(session: LockedSession, defaultMaxSteps: number): Promise<Standing> {
  const { record } = session;
  const calls = await session.openToolCalls();
  const inbox = await session.readInbox();
  // What comes after a turn that is over is a new one: its limits begin anew.
  const turn = record.modelDue || calls.length > 0 ? record : { ...record, turnUsage: NO_USAGE, turnStartedAt: null };
  return {
    ...decodeFence(record.fence),
    progress: progressOf(turn, defaultMaxSteps),
    calls: calls.map(toOpenCall),
    modelDue: !isOverBudget(record) && (record.modelDue || inbox.some(({ type }) => type === 'user.message')),
    answersWaiting: inbox.some(({ type }) => isAnswer(type)),
  };
}
