import { acceptInputs } from '../../../activities/session/accept-inputs.js';
import { newId } from '../../../infra/ids.js';
import { ensureInlineAgent } from '../../../infra/postgres/agents.repo.js';
import { type EnvironmentRecord, ensureEnvironment } from '../../../infra/postgres/environments.repo.js';
import { findInvocationByKey, insertInvocation } from '../../../infra/postgres/invocations.repo.js';
import { lockSession } from '../../../infra/postgres/session-store.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { InvocationRecord, SessionRecord } from '../../../workflows/contract/records.js';
import type { EnvironmentConfig } from '../../../workflows/contract/schema/environment.js';
import type { InvokeRequest } from '../../../workflows/contract/schema/invoke.js';
import { resolveDefinition } from '../agents/resolve-definition.js';
import { resolveSkills } from '../agents/resolve-skills.js';
import { resolveConfig } from '../environments/change-config.js';
import { defaultEnvironment, requireEnvironment } from '../environments/environments.service.js';
import { hashOf } from '../http/canonical-json.js';
import { knownId } from '../http/path-id.js';
import type { CreateSession } from '../sessions/create-session.js';

export interface AcceptedInvocation {
  readonly invocation: InvocationRecord;
  /** The session to wake; absent when another request did or will. */
  readonly wake?: SessionRecord;
}

export interface NewInvocationRequest {
  readonly request: InvokeRequest;
  readonly key: { readonly idempotencyKey: string; readonly requestHash: string } | undefined;
}

const INLINE_NAME = 'inline';

/** Accepts an invocation with its session and its input, within one transaction. A key that was used before answers what it made then. */
export async function acceptInvocation(tx: Transaction, createSession: CreateSession, { request, key }: NewInvocationRequest): Promise<AcceptedInvocation> {
  const before = key && (await findByKey(tx, key));
  if (before) return { invocation: before };
  const session = await openSession(tx, createSession, request);
  if (request.limits && request.session_id !== undefined) await session.update({ limits: request.limits });
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

/** A session that exists, or a new one of the request's own definition. */
async function openSession(tx: Transaction, createSession: CreateSession, request: InvokeRequest) {
  if (request.session_id !== undefined) return lockSession(tx, knownId('session', request.session_id));
  const agent = await inlineAgent(tx, request);
  return createSession(tx, {
    agent,
    definition: agent.definition,
    environment: await environmentOf(tx, request),
    title: request.title,
    metadata: request.metadata,
    limits: request.limits,
    resources: request.resources,
    vaultIds: request.vault_ids,
    budget: request.budget,
    networking: request.networking,
  });
}

async function inlineAgent(tx: Transaction, { model, system, tools, mcp_servers, skills }: InvokeRequest) {
  if (model === undefined) throw new RondoError('request.invalid', 'model: is required, unless session_id names a session to go on with');
  const definition = resolveDefinition({ name: INLINE_NAME, model, system, tools, mcp_servers }, await resolveSkills(tx, skills ?? []));
  return ensureInlineAgent(tx, hashOf(definition), definition);
}

function environmentOf(tx: Transaction, { environment_id, environment }: InvokeRequest): Promise<EnvironmentRecord> {
  if (environment_id != null) return requireEnvironment(tx, environment_id);
  return environment ? inlineEnvironment(tx, resolveConfig({ ...environment, type: 'cloud' })) : defaultEnvironment(tx);
}

/**
 * The environment of an inline configuration: made once per workspace and configuration, and named after it. One of that name
 * whose configuration was changed since is not taken for it. Errors: `request.conflict`.
 */
async function inlineEnvironment(tx: Transaction, config: EnvironmentConfig): Promise<EnvironmentRecord> {
  const hash = hashOf(config);
  const found = await ensureEnvironment(tx, { name: `${INLINE_NAME}-${hash.slice(0, 32)}`, description: null, config, metadata: {} });
  if (hashOf(found.config) === hash) return found;
  throw new RondoError(
    'request.conflict',
    `environment: ${found.id}, which was made of this configuration, was changed since; rename or archive it, or give its id.`,
  );
}

const contentOf = (input: InvokeRequest['input']) => (typeof input === 'string' ? [{ type: 'text' as const, text: input }] : input);
