import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { OperatorDecision } from '../contract/activities.js';
import { QUERIES, SIGNALS, UPDATES } from '../contract/names.js';
import type { SessionState } from './turn.js';

/** What an operator sends by signal or update `approve`: from the CLI, the Web UI or an SDK. */
export interface ApproveMessage {
  readonly tool_use_id: string;
  readonly result: 'allow' | 'deny';
  readonly deny_message?: string;
  /** Who decides, as they say themselves; kept as unverified. */
  readonly by?: string;
}

export const wake = defineSignal(SIGNALS.wake);
export const interrupt = defineSignal(SIGNALS.interrupt);
export const approve = defineSignal<[ApproveMessage]>(SIGNALS.approve);
export const approveUpdate = defineUpdate<string, [ApproveMessage]>(UPDATES.approve);
export const stateQuery = defineQuery<SessionState>(QUERIES.state);

const MAXIMUM_TEXT = 1_000;

/** Turns a message into a decision, with a problem where it is none; whatever an operator typed, nothing here throws. */
export function toDecision(message: unknown): OperatorDecision {
  const fields = typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : {};
  const toolUseId = (text(fields['tool_use_id']) ?? '').slice(0, 60);
  const result = fields['result'];
  if (!/^sevt_[0-9A-Za-z]{8,40}$/.test(toolUseId)) return { toolUseId, result: 'deny', problem: 'tool_use_id must be the id of a waiting call, sevt_…' };
  if (result !== 'allow' && result !== 'deny') return { toolUseId, result: 'deny', problem: 'result must be "allow" or "deny"' };
  const denyMessage = text(fields['deny_message']);
  const by = text(fields['by']);
  return { toolUseId, result, ...(denyMessage ? { denyMessage } : {}), ...(by ? { by } : {}) };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value.length > 0 ? value.slice(0, MAXIMUM_TEXT) : undefined);

/** Why a decision cannot be taken now, or nothing. */
export function cannotDecide(state: SessionState, message: unknown): string | undefined {
  const decision = toDecision(message);
  if (decision.problem) return decision.problem;
  const call = state.calls.find(({ id }) => id === decision.toolUseId);
  return call?.gate === 'ask' ? undefined : `${decision.toolUseId} does not wait for a decision`;
}
