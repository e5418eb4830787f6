import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unaskedServers } from '../../activities/mcp/ask-servers.js';
import { createSeal } from '../../activities/session/seal.js';
import { decodeFence, encodeFence } from '../../workflows/contract/fence.js';
import { MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;
const PRICES = { [MODEL]: { input: 10, output: 100 } };
const toolset = (...names: string[]) => ({
  type: 'agent_toolset_20260401',
  default_config: { enabled: false },
  configs: names.map((name) => ({ name, enabled: true })),
});

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MODEL_PRICES: JSON.stringify(PRICES), OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
});
afterAll(async () => {
  await gateway?.stop();
});

async function ground(agentExtra: Record<string, unknown> = {}) {
  const sdk = gateway.sdk();
  const agent = await sdk.beta.agents.create({ name: 'Base', model: MODEL, system: 'Be brief.', ...agentExtra });
  const environment = await sdk.beta.environments.create({ name: `for ${agent.id}` });
  return { sdk, agent, environment_id: environment.id };
}

const create = async (body: Record<string, unknown>) => gateway.request('POST', '/v1/sessions', body);
const locked = (sessionId: string): Parameters<TestGateway['store']['locked']>[0] => ({ sessionId, workspaceId: gateway.workspaceId });

describe('a session made with overrides', () => {
  it('takes each given field of the agent wholesale and keeps the others', async () => {
    const { sdk, agent, environment_id } = await ground({ tools: [toolset('bash', 'read')] });
    const session = await sdk.beta.sessions.create({
      agent: { type: 'agent_with_overrides', id: agent.id, system: null, tools: [toolset('grep')] as never },
      environment_id,
    });
    expect(session.agent).toMatchObject({ id: agent.id, version: 1, name: 'Base', system: null, model: agent.model });
    expect(session.agent.tools).toMatchObject([{ configs: [{ name: 'grep', enabled: true }] }]);
    expect((await sdk.beta.agents.retrieve(agent.id)).system).toBe('Be brief.');
    expect((await sdk.beta.sessions.retrieve(session.id)).agent).toEqual(session.agent);
  });

  it('may use another model, whose effort stays as the agent has it', async () => {
    const { sdk, agent, environment_id } = await ground({ model: { id: MODEL, effort: 'low' } });
    const session = await sdk.beta.sessions.create({
      agent: { type: 'agent_with_overrides', id: agent.id, model: { id: 'openai/other', effort: { type: 'max' } } as never },
      environment_id,
    });
    expect(session.agent.model).toMatchObject({ id: 'openai/other', effort: { type: 'low' } });
  });

  it.each([
    ['a model of null', { model: null }, 'agent_model_required'],
    ['a model no provider is configured for', { model: 'claude-unknown' }, undefined],
    ['an unknown field', { name: 'Other' }, undefined],
  ])('is refused with %s', async (_what, overrides, errorCode) => {
    const { agent, environment_id } = await ground();
    const { status, body } = await create({ agent: { type: 'agent_with_overrides', id: agent.id, ...overrides }, environment_id });
    expect(status).toBe(400);
    expect(body.error.details?.error_code).toBe(errorCode);
  });

  it('is refused at a version the agent does not have', async () => {
    const { agent, environment_id } = await ground();
    const { status, body } = await create({ agent: { type: 'agent', id: agent.id, version: 7 }, environment_id });
    expect(status).toBe(404);
    expect(body.error.message).toContain('version 7');
  });
});

describe('updating a session', () => {
  it('changes title and metadata, and says in the log what changed', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, title: 'Old', metadata: { keep: '1', drop: '2' } });
    const updated = await sdk.beta.sessions.update(session.id, { title: 'New', metadata: { drop: null, add: '3' } as never });
    expect(updated).toMatchObject({ title: 'New', metadata: { keep: '1', add: '3' } });
    expect(updated.metadata).not.toHaveProperty('drop');
    const { data } = await sdk.beta.sessions.events.list(session.id);
    expect(data.at(-1)).toMatchObject({ type: 'session.updated', title: 'New', metadata: { keep: '1', add: '3' } });
    expect(data.at(-1)).not.toHaveProperty('agent');
  });

  it('says nothing when nothing changes', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, title: 'Same', metadata: { a: '1', b: '2' } });
    await sdk.beta.sessions.update(session.id, { title: 'Same', metadata: { b: '2' } as never });
    expect((await sdk.beta.sessions.events.list(session.id)).data).toEqual([]);
  });

  it('replaces its tools while it is idle, for itself alone', async () => {
    const { sdk, agent, environment_id } = await ground({ tools: [toolset('bash')] });
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    const updated = await sdk.beta.sessions.update(session.id, { agent: { tools: [toolset('read')] as never } });
    expect(updated.agent.tools).toMatchObject([{ configs: [{ name: 'read' }] }]);
    expect((await sdk.beta.agents.retrieve(agent.id)).version).toBe(1);
    const last = (await sdk.beta.sessions.events.list(session.id)).data.at(-1);
    expect(last).toMatchObject({ type: 'session.updated', agent: { id: agent.id, tools: [{ configs: [{ name: 'read' }] }] } });
  });

  it('asks MCP servers anew where they were replaced while a turn is held at its budget', async () => {
    const server = (url: string) => [{ type: 'url' as const, name: 'docs', url }];
    const tools = [{ type: 'mcp_toolset' as const, mcp_server_name: 'docs' }];
    const { sdk, agent, environment_id } = await ground({ tools, mcp_servers: server('https://one.example.org/mcp') });
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    await gateway.store.locked(locked(session.id), async (held) => {
      await held.update({ status: 'idle', turn: 1, modelDue: true, stopReason: { type: 'budget_reached' } });
      await held.saveMcpTools([{ serverName: 'docs', turn: 1, tools: [] }]);
    });
    await sdk.beta.sessions.update(session.id, { agent: { mcp_servers: server('https://two.example.org/mcp') } });
    const unasked = await gateway.store.locked(locked(session.id), async (held) => unaskedServers(held.record, await held.readMcpTools()));
    expect(unasked?.servers).toMatchObject([{ url: 'https://two.example.org/mcp' }]);
  });

  it('refuses to replace tools while it runs, and changes nothing of the same request', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, title: 'Old' });
    await sdk.beta.sessions.events.send(session.id, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'go' }] }] });
    const { status } = await gateway.request('POST', `/v1/sessions/${session.id}`, { title: 'New', agent: { tools: [] } });
    expect(status).toBe(400);
    expect((await sdk.beta.sessions.retrieve(session.id)).title).toBe('Old');
  });

  it('refuses other vaults, and a session that is terminated', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    expect((await gateway.request('POST', `/v1/sessions/${session.id}`, { vault_ids: [] })).status).toBe(400);
    await sdk.beta.sessions.archive(session.id);
    expect((await gateway.request('POST', `/v1/sessions/${session.id}`, { title: 'x' })).status).toBe(409);
  });

  it('is not possible from another workspace', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    const { status } = await gateway.request('POST', `/v1/sessions/${session.id}`, { title: 'x' }, { authorization: `Bearer ${OTHER_KEY}` });
    expect(status).toBe(404);
  });
});

const budget = (cents: number | string) => ({ type: 'limit' as const, max_list_cost: { amount: String(cents), currency: 'USD' as const } });

/** As if model requests had cost so much. */
const spend = (sessionId: string, cents: number) => gateway.store.locked(locked(sessionId), (session) => session.update({ costMicros: cents * 10_000 }));

describe('a budget', () => {
  it('is answered with what the session cost so far', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, budget: budget(500) });
    expect(session.budget).toEqual(budget(500));
    expect(session.usage.list_cost).toEqual({ amount: '0', currency: 'USD' });
    await spend(session.id, 12);
    expect((await sdk.beta.sessions.retrieve(session.id)).usage.list_cost).toEqual({ amount: '12', currency: 'USD' });
  });

  it('needs a model with a list price', async () => {
    const { agent, environment_id } = await ground({ model: 'openai/unpriced' });
    const { status, body } = await create({ agent: agent.id, environment_id, budget: budget(5) });
    expect(status).toBe(400);
    expect(body.error.details.reason).toBe('model_not_budgetable');
  });

  it.each(['', '01', '1.5', '-1', 5, '1000000000000000'])('is refused with the amount %j', async (amount) => {
    const { agent, environment_id } = await ground();
    const { status } = await create({ agent: agent.id, environment_id, budget: { type: 'limit', max_list_cost: { amount, currency: 'USD' } } });
    expect(status).toBe(400);
  });

  it('can be raised, lowered above the cost, and removed for good', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, budget: budget(100) });
    await spend(session.id, 40);
    expect((await sdk.beta.sessions.update(session.id, { budget: budget(50) })).budget).toEqual(budget(50));
    const low = await gateway.request('POST', `/v1/sessions/${session.id}`, { budget: budget(40) });
    expect([low.status, low.body.error.details.reason]).toEqual([400, 'budget_not_raised']);
    expect((await sdk.beta.sessions.update(session.id, { budget: null })).budget).toBeNull();
    const again = await gateway.request('POST', `/v1/sessions/${session.id}`, { budget: budget(500) });
    expect([again.status, again.body.error.details.reason]).toEqual([400, 'budget_create_only']);
  });

  it('that is raised lets a message go on that had been accepted before it was reached', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, budget: budget(10) });
    const message = { type: 'user.message' as const, content: [{ type: 'text' as const, text: 'later' }] };
    await gateway.store.locked(locked(session.id), (running) => running.update({ status: 'running', turn: 1, modelDue: true }));
    await sdk.beta.sessions.events.send(session.id, { events: [message, { type: 'user.interrupt' }] });
    await spend(session.id, 10);
    const seal = createSeal({ store: gateway.store, defaultMaxSteps: 50, stopCalls: async () => undefined });
    expect(await seal({ ...locked(session.id), epoch: null, cause: null })).toMatchObject({ kind: 'standing', modelDue: false });
    expect((await sdk.beta.sessions.retrieve(session.id)).status).toBe('idle');
    expect((await sdk.beta.sessions.update(session.id, { budget: budget(50) })).status).toBe('running');
  });

  it('once reached, lets only interrupts and answers in', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, budget: budget(10) });
    await spend(session.id, 10);
    const message = { type: 'user.message', content: [{ type: 'text', text: 'more' }] };
    const refused = await gateway.request('POST', `/v1/sessions/${session.id}/events`, { events: [message] });
    expect([refused.status, refused.body.error.details.reason]).toEqual([400, 'budget_reached']);
    expect((await gateway.request('POST', `/v1/sessions/${session.id}/events`, { events: [{ type: 'user.interrupt' }] })).status).toBe(200);
  });
});

describe("a session's resources", () => {
  const repository = {
    type: 'github_repository',
    url: 'https://example.org/team/tool.git',
    authorization_token: 'ghp_secret',
    checkout: { type: 'branch', name: 'main' },
  };
  const store = { type: 'memory_store', memory_store_id: 'memstore_01ABCDEFGH', access: 'read_only' };

  it('are mounted where the wire says, and never show a token', async () => {
    const { agent, environment_id } = await ground();
    const { body } = await create({ agent: agent.id, environment_id, resources: [repository, store] });
    expect(body.resources).toMatchObject([
      { type: 'github_repository', url: repository.url, mount_path: '/workspace/tool', checkout: { type: 'branch', name: 'main' } },
      { type: 'memory_store', memory_store_id: store.memory_store_id, access: 'read_only', mount_path: '/mnt/memory/memstore-01abcdefgh' },
    ]);
    expect(body.resources[1]).not.toHaveProperty('id');
    expect(JSON.stringify(body)).not.toContain('ghp_secret');
    const listed = await gateway.sdk().beta.sessions.resources.list(body.id);
    expect(listed.data).toEqual(body.resources);
  });

  it('keep the token encrypted, and take a new one', async () => {
    const { sdk, agent, environment_id } = await ground();
    const { body } = await create({ agent: agent.id, environment_id, resources: [repository] });
    const [resource] = body.resources;
    const updated = await sdk.beta.sessions.resources.update(resource.id, { session_id: body.id, authorization_token: 'ghp_second' });
    expect(JSON.stringify(updated)).not.toContain('ghp_');
    expect(await sdk.beta.sessions.resources.retrieve(resource.id, { session_id: body.id })).toEqual(updated);
  });

  it.each([
    ['plain http', { ...repository, url: 'http://example.org/x' }],
    ['another protocol', { ...repository, url: 'ext::sh -c id' }],
    ['a password in its address', { ...repository, url: 'https://me:pw@example.org/x' }],
    ['a path outside the workspace', { ...repository, mount_path: '/etc/x' }],
    ['a path with ..', { ...repository, mount_path: '/workspace/../etc' }],
    ['a branch that is an option', { ...repository, checkout: { type: 'branch', name: '--upload-pack=x' } }],
    ['a token of two lines', { ...repository, authorization_token: 'a\r\nHost: x' }],
    ['half a commit', { ...repository, checkout: { type: 'commit', sha: 'abc123' } }],
    ['a memory store that is none', { ...store, memory_store_id: '../x' }],
    ['a file that is not there', { type: 'file', file_id: 'file_01ABCDEFGH' }],
    ['two things at one path', undefined],
  ])('are refused with %s, and no session is made', async (_what, resource) => {
    const { sdk, agent, environment_id } = await ground();
    const { status } = await create({ agent: agent.id, environment_id, resources: resource ? [resource] : [repository, repository] });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect((await sdk.beta.sessions.list({ agent_id: agent.id })).data).toEqual([]);
  });

  it('can be detached', async () => {
    const { sdk, agent, environment_id } = await ground();
    const { body } = await create({ agent: agent.id, environment_id, resources: [repository] });
    const id = body.resources[0].id;
    expect(await sdk.beta.sessions.resources.delete(id, { session_id: body.id })).toMatchObject({ id, type: 'session_resource_deleted' });
    expect((await sdk.beta.sessions.retrieve(body.id)).resources).toEqual([]);
    await expect(sdk.beta.sessions.resources.retrieve(id, { session_id: body.id })).rejects.toMatchObject({ status: 404 });
  });

  it('take the copy of a file with them, and leave the original', async () => {
    const { sdk, agent, environment_id } = await ground();
    const original = await sdk.beta.files.upload({ file: new File(['text'], 'notes.txt') });
    const { body } = await create({ agent: agent.id, environment_id, resources: [{ type: 'file', file_id: original.id }] });
    const [{ id, file_id: copy }] = body.resources;
    await sdk.beta.sessions.resources.delete(id, { session_id: body.id });
    await expect(sdk.beta.files.retrieveMetadata(copy)).rejects.toMatchObject({ status: 404 });
    expect((await sdk.beta.files.retrieveMetadata(original.id)).id).toBe(original.id);
  });

  it('filter the list of sessions by memory store', async () => {
    const { sdk, agent, environment_id } = await ground();
    const own = { ...store, memory_store_id: `memstore_${agent.id.slice(6)}` };
    const { body } = await create({ agent: agent.id, environment_id, resources: [own] });
    expect((await sdk.beta.sessions.list({ memory_store_id: own.memory_store_id })).data.map(({ id }) => id)).toEqual([body.id]);
    expect((await sdk.beta.sessions.list({ memory_store_id: 'memstore_01ZZZZZZZZ' })).data).toEqual([]);
  });
});

describe('the primary thread', () => {
  it('is all that the session is: its agent, status, events and stream', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id, title: 'T' });
    await sdk.beta.sessions.update(session.id, { title: 'U' });
    const { data } = await sdk.beta.sessions.threads.list(session.id);
    expect(data).toMatchObject([
      { type: 'session_thread', session_id: session.id, parent_thread_id: null, status: 'idle', agent: { id: agent.id, name: 'Base' } },
    ]);
    const thread = data[0]?.id ?? '';
    expect(thread).toMatch(/^sthr_/);
    expect(await sdk.beta.sessions.threads.retrieve(thread, { session_id: session.id })).toMatchObject({ id: thread });
    const events = await sdk.beta.sessions.threads.events.list(thread, { session_id: session.id });
    expect(events.data).toEqual((await sdk.beta.sessions.events.list(session.id)).data);
    const stream = await sdk.beta.sessions.threads.events.stream(thread, { session_id: session.id });
    await sdk.beta.sessions.delete(session.id);
    for await (const event of stream) expect(event.type).toBe('session.deleted');
  });

  it('can be named by an interrupt; one of another thread ends nothing', async () => {
    const { sdk, agent, environment_id } = await ground();
    const [session, other] = [
      await sdk.beta.sessions.create({ agent: agent.id, environment_id }),
      await sdk.beta.sessions.create({ agent: agent.id, environment_id }),
    ];
    const threadOf = async (id: string) => (await sdk.beta.sessions.threads.list(id)).data[0]?.id;
    const interrupt = async (session_thread_id: string | undefined) =>
      gateway.request('POST', `/v1/sessions/${session.id}/events`, { events: [{ type: 'user.interrupt', session_thread_id }] });
    expect((await interrupt(await threadOf(other.id))).status).toBe(404);
    expect((await sdk.beta.sessions.events.list(session.id)).data).toEqual([]);
    expect((await interrupt(await threadOf(session.id))).status).toBe(200);
  });

  it('is filtered by status, is not archived alone, and is no other session’s', async () => {
    const { sdk, agent, environment_id } = await ground();
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    const other = await sdk.beta.sessions.create({ agent: agent.id, environment_id });
    expect((await sdk.beta.sessions.threads.list(session.id, { statuses: ['running'] })).data).toEqual([]);
    const thread = (await sdk.beta.sessions.threads.list(session.id)).data[0]?.id ?? '';
    await expect(sdk.beta.sessions.threads.archive(thread, { session_id: session.id })).rejects.toMatchObject({ status: 400 });
    await expect(sdk.beta.sessions.threads.retrieve(thread, { session_id: other.id })).rejects.toMatchObject({ status: 404 });
  });
});

describe('what is sent to a session', () => {
  const word = { type: 'system.message', content: [{ type: 'text', text: 'Answer in French.' }] };
  const message = { type: 'user.message', content: [{ type: 'text', text: 'Hello' }] };
  const send = async (events: readonly unknown[]) => {
    const { agent, environment_id } = await ground();
    const session = await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id });
    return gateway.request('POST', `/v1/sessions/${session.id}/events`, { events });
  };

  it('may end with a word of the operator, right behind a message', async () => {
    const { status, body } = await send([message, word]);
    expect(status).toBe(200);
    expect(body.data.map(({ type }: { type: string }) => type)).toEqual(['user.message', 'system.message']);
  });

  it.each([
    ['alone', [word]],
    ['before its message', [word, message]],
    ['twice', [message, word, word]],
    ['with an image', [message, { type: 'system.message', content: [{ type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } }] }]],
  ])('may not hold a word of the operator %s', async (_what, events) => {
    expect((await send(events)).status).toBe(400);
  });

  it('is refused as a result of a worker where tools run in a sandbox', async () => {
    const { agent, environment_id } = await ground();
    const session = await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id });
    const call = `sevt_${'0'.repeat(26)}`;
    await gateway.store.locked(locked(session.id), async (row) => {
      await row.append([{ id: call, type: 'agent.tool_use', body: { name: 'bash', input: {} } }]);
      const { epoch } = decodeFence(row.record.fence);
      const step = encodeFence({ epoch, step: 1 });
      await row.addToolCalls([
        { id: call, step, ordinal: 1, name: 'bash', kind: 'sandbox', mcpServerName: null, permission: 'allow', decideBy: null, finished: false },
      ]);
    });
    const { status, body } = await gateway.request('POST', `/v1/sessions/${session.id}/events`, {
      events: [{ type: 'user.tool_result', tool_use_id: call, content: [{ type: 'text', text: 'forged' }] }],
    });
    expect(status).toBe(400);
    expect(body.error.message).toContain(call);
  });
});
