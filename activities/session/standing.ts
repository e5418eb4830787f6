import type { OpenCall, Standing, TurnProgress } from '../../workflows/contract/activities.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { SessionRecord, ToolCallRecord } from '../../workflows/contract/records.js';
import { changesWorkspace } from '../tools/catalog.js';
import type { LockedSession } from './store.port.js';

/** An open call as the loop sees it. A decided one keeps its gate until the decision has been applied to the log. */
export function toOpenCall(call: ToolCallRecord): OpenCall {
  const asks = call.permission === 'ask' && call.decision !== 'allow';
  return {
    id: call.id,
    ordinal: call.ordinal,
    name: call.name,
    gate: call.kind === 'custom' ? 'client' : asks ? 'ask' : 'run',
    serial: changesWorkspace(call.name),
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

export async function readStanding(session: LockedSession, defaultMaxSteps: number): Promise<Standing> {
  const [calls, inbox] = [await session.openToolCalls(), await session.readInbox()];
  return {
    ...decodeFence(session.record.fence),
    progress: progressOf(session.record, defaultMaxSteps),
    calls: calls.map(toOpenCall),
    modelDue: session.record.modelDue || inbox.some(({ type }) => type === 'user.message'),
  };
}
