import { pino } from 'pino';
import { acceptInputs } from '../../activities/session/accept-inputs.js';
import { resolveConfig } from '../../apps/gateway/environments/change-config.js';
import { newId } from '../../infra/ids.js';
import { ensureInlineAgent } from '../../infra/postgres/agents.repo.js';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { ensureEnvironment } from '../../infra/postgres/environments.repo.js';
import { insertInvocation } from '../../infra/postgres/invocations.repo.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createSessionStore, lockSession } from '../../infra/postgres/session-store.js';
import { insertSession } from '../../infra/postgres/sessions.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { AgentDefinition, PermissionPolicy, ResolvedTool } from '../../workflows/contract/schema/agent.js';
import type { InputEvent } from '../../workflows/contract/schema/input-event.js';
import { createDatabase } from '../support/database.js';

const log = pino({ level: 'silent' });

export type StoreFixture = Awaited<ReturnType<typeof startStore>>;

/** A migrated database with two workspaces, and the store as a worker has it: as the application's role. */
export async function startStore() {
  const database = await createDatabase();
  const { workspaceId } = await ensureApiKey(database.ownerUrl, { key: 'the-key-of-one-workspace', workspaceName: 'one' });
  const { workspaceId: otherWorkspaceId } = await ensureApiKey(database.ownerUrl, { key: 'the-key-of-another-one', workspaceName: 'other' });
  const pool = createPool({ url: database.appUrl, size: 25, name: 'store-test', log });
  return {
    database,
    pool,
    log,
    workspaceId,
    otherWorkspaceId,
    store: createSessionStore(pool),
    async stop() {
      await pool.end();
      await database.drop();
    },
  };
}

const toolset = (policy: PermissionPolicy['type']): ResolvedTool => ({
  type: 'agent_toolset_20260401',
  default_config: { enabled: true, permission_policy: { type: policy } },
  configs: [],
});

const CUSTOM: ResolvedTool = { type: 'custom', name: 'ask_client', description: 'Asks the client.', input_schema: { type: 'object' } };

const definition = (model: string, policy: PermissionPolicy['type']): AgentDefinition => ({
  name: 'tester',
  description: null,
  model: { id: model, effort: { type: 'high' }, speed: 'standard' },
  system: null,
  tools: [toolset(policy), CUSTOM],
  mcp_servers: [],
  skills: [],
  multiagent: null,
  execution_identity: { type: 'service_account' },
  metadata: {},
});

/** An idle session whose tools are allowed, unless another policy is given. */
export async function aSession(
  fixture: Pick<StoreFixture, 'pool' | 'workspaceId'>,
  options: { readonly model?: string; readonly policy?: PermissionPolicy['type'] } = {},
): Promise<SessionRef> {
  const { model = 'rehearsal/echo', policy = 'always_allow' } = options;
  const sessionId = newId('session');
  await transaction(fixture.pool, fixture.workspaceId, async (tx) => {
    const agent = await ensureInlineAgent(tx, `${model} ${policy}`, definition(model, policy));
    const environment = await ensureEnvironment(tx, { name: 'default', description: null, config: resolveConfig(null), metadata: {} });
    await insertSession(tx, {
      id: sessionId,
      agent: { id: agent.id, type: 'agent', version: agent.version, ...agent.definition },
      environmentId: environment.id,
      primaryThreadId: newId('thread'),
      title: null,
      metadata: {},
      limits: {},
      environmentType: 'cloud',
      vaultIds: [],
      skills: [],
      budget: null,
      networking: null,
    });
  });
  return { sessionId, workspaceId: fixture.workspaceId };
}

/** Accepts inputs as the gateway does; a message comes with an invocation of its own. */
export async function send(fixture: Pick<StoreFixture, 'pool'>, ref: SessionRef, ...events: readonly InputEvent[]): Promise<void> {
  const inputs = events.map((event) => ({ id: newId('event'), event }));
  await transaction(fixture.pool, ref.workspaceId, async (tx) => {
    const session = await lockSession(tx, ref.sessionId);
    await acceptInputs(session, inputs);
    for (const { id } of inputs.filter(({ event }) => event.type === 'user.message')) {
      await insertInvocation(tx, { id: newId('invocation'), sessionId: ref.sessionId, inputEventId: id, idempotencyKey: null, requestHash: null });
    }
  });
}

export const userMessage = (text: string): InputEvent => ({ type: 'user.message', content: [{ type: 'text', text }] });
