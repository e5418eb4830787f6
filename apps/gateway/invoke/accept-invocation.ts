import { acceptInputs } from '../../../activities/session/accept-inputs.js';
import { newId } from '../../../infra/ids.js';
import { ensureInlineAgent } from '../../../infra/postgres/agents.repo.js';
import { findInvocationByKey, insertInvocation } from '../../../infra/postgres/invocations.repo.js';
import { lockSession } from '../../../infra/postgres/session-store.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { InvocationRecord, SessionRecord } from '../../../workflows/contract/records.js';
import type { AgentDefinition } from '../../../workflows/contract/schema/agent.js';
import type { InvokeRequest } from '../../../workflows/contract/schema/invoke.js';
import { resolveDefinition } from '../agents/resolve-definition.js';
import { defaultEnvironment } from '../environments/environments.service.js';
import { knownId } from '../http/path-id.js';
import type { CreateSession } from '../sessions/create-session.js';
import { hashOf } from './canonical-json.js';

/** Where an invocation's input goes: into a session that exists, or into a new one of an inline definition. */
type Target = { readonly sessionId: string } | { readonly definition: AgentDefinition };

export interface AcceptedInvocation {
  readonly invocation: InvocationRecord;
  /** The session to wake; absent when another request did or will. */
  readonly wake?: SessionRecord;
}

export interface NewInvocationRequest {
  readonly request: InvokeRequest;
  readonly target: Target;
  readonly key: { readonly idempotencyKey: string; readonly requestHash: string } | undefined;
}

const INLINE_NAME = 'inline';

export function targetOf(request: InvokeRequest): Target {
  if (request.session_id !== undefined) return { sessionId: knownId('session', request.session_id) };
  if (request.model === undefined) throw new RondoError('request.invalid', 'model: is required, unless session_id names a session to go on with');
  return { definition: resolveDefinition({ name: INLINE_NAME, model: request.model, system: request.system, tools: request.tools }, []) };
}

/** Accepts an invocation with its session and its input, within one transaction. A key that was used before answers what it made then. */
export async function acceptInvocation(
  tx: Transaction,
  createSession: CreateSession,
  { request, target, key }: NewInvocationRequest,
): Promise<AcceptedInvocation> {
  const before = key && (await findByKey(tx, key));
  if (before) return { invocation: before };
  const session = await openSession(tx, createSession, request, target);
  if (request.limits && 'sessionId' in target) await session.update({ limits: request.limits });
  const input = { id: newId('event'), event: { type: 'user.message' as const, content: contentOf(request.input) } };
  const { wake } = await acceptInputs(session, [input]);
  const invocation = await insertInvocation(tx, {
    id: newId('invocation'),
    sessionId: session.record.id,
    inputEventId: input.id,
    idempotencyKey: key?.idempotencyKey ?? null,
    requestHash: key?.requestHash ?? null,
  });
  return { invocation, ...(wake && { wake: session.record }) };
}

/** What a key made before. Errors: `idempotency.mismatch` when that was made by another body. */
export async function findByKey(
  tx: Transaction,
  key: { readonly idempotencyKey: string; readonly requestHash: string },
): Promise<InvocationRecord | undefined> {
  const found = await findInvocationByKey(tx, key.idempotencyKey);
  if (!found || found.requestHash === key.requestHash) return found;
  throw new RondoError(
    'idempotency.mismatch',
    `Idempotency-Key: this key was used with another body, for invocation ${found.id}; use a new key for a new request.`,
  );
}

async function openSession(tx: Transaction, createSession: CreateSession, request: InvokeRequest, target: Target) {
  if ('sessionId' in target) return lockSession(tx, target.sessionId);
  const agent = await ensureInlineAgent(tx, hashOf(target.definition), target.definition);
  const environment = await defaultEnvironment(tx);
  return createSession(tx, { agent, definition: agent.definition, environment, metadata: request.metadata, limits: request.limits });
}

const contentOf = (input: InvokeRequest['input']) => (typeof input === 'string' ? [{ type: 'text' as const, text: input }] : input);
