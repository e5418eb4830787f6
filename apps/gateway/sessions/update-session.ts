import { RondoError } from '../../../workflows/contract/errors.js';
import { isOverBudget, toMicros, toMoney } from '../../../workflows/contract/list-cost.js';
import type { JsonObject, SessionChange, SessionRecord } from '../../../workflows/contract/records.js';
import type { Budget, SessionUpdate } from '../../../workflows/contract/schema/session-create.js';
import { overrideDefinition } from '../agents/resolve-definition.js';
import { hashOf } from '../http/canonical-json.js';
import { applyMetadataPatch } from '../http/partial-update.js';
import { ownNetworking } from './own-networking.js';
import { seenStatus } from './session.wire.js';

export interface SessionUpdatePlan {
  /** The columns that change; none when the update changes nothing. */
  readonly change: SessionChange;
  /** Body of `session.updated`: the changed fields only, as they are afterwards. */
  readonly event: JsonObject;
  /** The session had reached its budget and has not any more. */
  readonly frees: boolean;
}

/** What an update of a session comes to. Pure. Errors name the field and what was wrong. */
export function planUpdate(session: SessionRecord, update: SessionUpdate): SessionUpdatePlan {
  if (session.status === 'terminated') throw new RondoError('session.terminated', `Session ${session.id} is terminated and cannot be changed.`);
  if (update.vault_ids != null) throw new RondoError('request.invalid', 'vault_ids: cannot be changed after the session was created.');
  const wanted = {
    title: update.title === undefined ? session.title : update.title || null,
    metadata: applyMetadataPatch(session.metadata, update.metadata),
    agent: changedAgent(session, update.agent),
    budget: update.budget === undefined ? session.budget : changedBudget(session, update.budget),
    networking: update.networking === undefined ? session.networking : ownNetworking(session.environmentType, update.networking),
  };
  const change = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => !same(value, session[key as keyof typeof wanted]))) as SessionChange;
  const { metadata: _ofTheAgent, ...agent } = wanted.agent;
  const event = { ...change, ...('agent' in change ? { agent } : {}) };
  return { change, event, frees: isOverBudget(session) && !isOverBudget({ ...session, ...change }) };
}

function changedAgent(session: SessionRecord, update: SessionUpdate['agent']): SessionRecord['agent'] {
  if (!update || (update.tools === undefined && update.mcp_servers === undefined)) return session.agent;
  const status = seenStatus(session);
  if (status !== 'idle' || session.stopReason?.type === 'requires_action') {
    throw new RondoError(
      'session.running',
      `agent: the tools of session ${session.id} can be changed while it is idle and waits for nothing; it is ${status === 'idle' ? 'waiting for an action' : status}.`,
    );
  }
  return { ...session.agent, ...overrideDefinition(session.agent, update, undefined) };
}

function changedBudget(session: SessionRecord, budget: Budget | null): Budget | null {
  if (budget === null) return null;
  if (session.budget === null) throw budgetError('budget_create_only', 'a budget can be given only when the session is created.');
  if (toMicros(budget.max_list_cost) <= session.costMicros) {
    throw budgetError(
      'budget_not_raised',
      `max_list_cost must be more than the session has cost already, which is ${toMoney(session.costMicros).amount} cents.`,
    );
  }
  return budget;
}

const budgetError = (reason: string, message: string): RondoError =>
  new RondoError('request.invalid', `budget: ${message}`, { details: { error_code: reason, reason } });

/** Rows come back with their keys in another order. */
const same = (left: unknown, right: unknown): boolean => hashOf(left) === hashOf(right);
