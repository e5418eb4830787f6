import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY, MODEL, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

describe('agents, by the official SDK', () => {
  it('are answered with every default resolved', async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Plain', model: MODEL, tools: [{ type: 'agent_toolset_20260401' }] });
    expect(agent).toMatchObject({
      type: 'agent',
      name: 'Plain',
      version: 1,
      description: null,
      system: null,
      model: { id: MODEL, effort: { type: 'high' }, speed: 'standard' },
      tools: [{ type: 'agent_toolset_20260401', default_config: { enabled: true, permission_policy: { type: 'always_allow' } }, configs: [] }],
      mcp_servers: [],
      skills: [],
      multiagent: null,
      execution_identity: { type: 'service_account' },
      metadata: {},
      archived_at: null,
    });
    expect(agent.id).toMatch(/^agent_/);
    expect(await gateway.sdk().beta.agents.retrieve(agent.id)).toEqual(agent);
    expect(await gateway.sdk().beta.agents.retrieve(agent.id, { version: 1 })).toEqual(agent);
  });

  it('resolve each tool against the default of their toolset', async () => {
    const agent = await gateway.sdk().beta.agents.create({
      name: 'Careful',
      model: { id: MODEL, effort: 'low' },
      tools: [
        {
          type: 'agent_toolset_20260401',
          default_config: { permission_policy: { type: 'always_ask' } },
          configs: [{ name: 'read', permission_policy: { type: 'always_allow' } }, { name: 'bash' }, { name: 'write', enabled: false }],
        },
        { type: 'custom', name: 'lookup', description: 'Looks up.', input_schema: { type: 'object', properties: { id: { type: 'string' } } } },
      ],
    });
    const ask = { type: 'always_ask' };
    expect(agent.model).toMatchObject({ effort: { type: 'low' } });
    expect(agent.tools).toEqual([
      {
        type: 'agent_toolset_20260401',
        default_config: { enabled: true, permission_policy: ask },
        configs: [
          { type: 'read', name: 'read', enabled: true, permission_policy: { type: 'always_allow' } },
          { type: 'bash', name: 'bash', enabled: true, permission_policy: ask },
          { type: 'write', name: 'write', enabled: false, permission_policy: ask },
        ],
      },
      { type: 'custom', name: 'lookup', description: 'Looks up.', input_schema: { type: 'object', properties: { id: { type: 'string' } } } },
    ]);
  });

  it.each([
    ['multiagent', { multiagent: { type: 'coordinator', agents: ['agent_x'] } }],
    ['permission_policy', { tools: [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'auto' } } }] }],
  ])('refuse %s, which is not supported yet, instead of ignoring it', async (field, extra) => {
    const { status, body } = await gateway.request('POST', '/v1/agents', { name: 'x', model: MODEL, ...extra });
    expect(status).toBe(400);
    expect(body.error.message).toContain(field);
    expect(body.error.message).toContain('not supported yet');
  });

  it('refuse a name given twice', async () => {
    const tool = { type: 'custom', name: 'twice', description: 'd', input_schema: { type: 'object' } };
    const { status, body } = await gateway.request('POST', '/v1/agents', { name: 'x', model: MODEL, tools: [tool, tool] });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/^tools\[1\]\.name: "twice"/);
  });

  it('answer 404 for a version that does not exist', async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Once', model: MODEL });
    await expect(gateway.sdk().beta.agents.retrieve(agent.id, { version: 2 })).rejects.toMatchObject({ status: 404 });
  });

  it('are listed newest first, each once, over pages', async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.unshift((await gateway.sdk().beta.agents.create({ name: `Listed ${index}`, model: MODEL })).id);
    const listed: string[] = [];
    for await (const agent of gateway.sdk().beta.agents.list({ limit: 2 })) listed.push(agent.id);
    expect(listed.slice(0, 5)).toEqual(made);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it('are listed within a range of time', async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Timed', model: MODEL });
    const before = await gateway.request('GET', `/v1/agents?created_at[lte]=${new Date(Date.parse(agent.created_at) - 1).toISOString()}&limit=100`);
    const after = await gateway.request('GET', `/v1/agents?created_at[gte]=${agent.created_at}&limit=100`);
    expect(before.body.data.map(({ id }: { id: string }) => id)).not.toContain(agent.id);
    expect(after.body.data.map(({ id }: { id: string }) => id)).toContain(agent.id);
  });
});

describe('environments, by the official SDK', () => {
  it('are answered with every default resolved', async () => {
    const environment = await gateway.sdk().beta.environments.create({ name: 'Plain' });
    expect(environment).toMatchObject({
      type: 'environment',
      name: 'Plain',
      description: null,
      config: { type: 'cloud', networking: { type: 'unrestricted' }, packages: { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] } },
      metadata: {},
      archived_at: null,
    });
    expect(await gateway.sdk().beta.environments.retrieve(environment.id)).toEqual(environment);
  });

  it('keep their network policy', async () => {
    const environment = await gateway.sdk().beta.environments.create({
      name: 'Limited',
      config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: ['example.org'] } },
    });
    expect(environment.config).toMatchObject({
      networking: { type: 'limited', allowed_hosts: ['example.org'], allow_mcp_servers: false, allow_package_managers: false },
    });
  });

  it('answer 409 for a name that is taken, and say not to retry', async () => {
    await gateway.sdk().beta.environments.create({ name: 'Taken' });
    const { status, headers, body } = await gateway.request('POST', '/v1/environments', { name: 'Taken' });
    expect(status).toBe(409);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(body.error).toMatchObject({ type: 'invalid_request_error', message: expect.stringContaining('"Taken"') });
  });

  it('are listed newest first', async () => {
    const first = await gateway.sdk().beta.environments.create({ name: 'First' });
    const second = await gateway.sdk().beta.environments.create({ name: 'Second' });
    const page = await gateway.sdk().beta.environments.list({ limit: 2 });
    expect(page.data.map(({ id }) => id)).toEqual([second.id, first.id]);
  });
});

describe('sessions, by the official SDK', () => {
  const prepare = async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: MODEL, metadata: { of: 'the agent' } });
    const environment = await gateway.sdk().beta.environments.create({ name: `for ${agent.id}` });
    return { agent, environment };
  };

  it('are whole wire objects', async () => {
    const { agent, environment } = await prepare();
    const session = await gateway
      .sdk()
      .beta.sessions.create({ agent: agent.id, environment_id: environment.id, title: 'Whole', metadata: { of: 'the session' } });
    expect(session).toMatchObject({
      type: 'session',
      title: 'Whole',
      status: 'idle',
      agent: { id: agent.id, type: 'agent', version: 1, name: 'Worker', model: { id: MODEL }, tools: [], skills: [], mcp_servers: [], multiagent: null },
      environment_id: environment.id,
      resources: [],
      vault_ids: [],
      outcome_evaluations: [],
      budget: null,
      metadata: { of: 'the session' },
      usage: { input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, active_seconds: 0 },
      stats: { active_seconds: 0, duration_seconds: expect.any(Number) },
      archived_at: null,
    });
    expect(await gateway.sdk().beta.sessions.retrieve(session.id)).toMatchObject({ ...session, stats: expect.anything() });
  });

  it('take an agent at a version, and initial events', async () => {
    const { agent, environment } = await prepare();
    const session = await gateway.sdk().beta.sessions.create({
      agent: { type: 'agent', id: agent.id, version: 1 },
      environment_id: environment.id,
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'begin' }] }],
    });
    expect(session.status).toBe('running');
    const events = await gateway.sdk().beta.sessions.events.list(session.id);
    expect(events.data).toMatchObject([{ type: 'user.message', processed_at: null }]);
  });

  it.each([
    ['an unknown agent', { agent: 'agent_01KAN0000000000000000000AA' }, 404],
    ['a malformed agent', { agent: 'x' }, 404],
    ['an unknown environment', { environment_id: 'env_01KAN0000000000000000000AA' }, 404],
    ['resources', { resources: [{ type: 'file', file_id: 'file_1' }] }, 400],
    ['an unknown vault', { vault_ids: ['vlt_1'] }, 404],
    ['a budget', { budget: { type: 'limit', max_list_cost: { amount: '100', currency: 'USD' } } }, 400],
    ['overrides of an unknown agent', { agent: { type: 'agent_with_overrides', id: 'agent_01KAN0000000000000000000AA' } }, 404],
    ['an interrupt as initial event', { initial_events: [{ type: 'user.interrupt' }] }, 400],
  ])('refuse %s', async (_case, extra, status) => {
    const { agent, environment } = await prepare();
    const answer = await gateway.request('POST', '/v1/sessions', { agent: agent.id, environment_id: environment.id, ...extra });
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  });

  it('are listed both ways, each once, and filtered', async () => {
    const { agent, environment } = await prepare();
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.push((await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id })).id);
    const listed: string[] = [];
    for await (const session of gateway.sdk().beta.sessions.list({ agent_id: agent.id, order: 'asc', limit: 2 })) listed.push(session.id);
    expect(listed).toEqual(made);

    const list = async (query: string) => (await gateway.request('GET', `/v1/sessions?agent_id=${agent.id}&limit=2${query}`)).body;
    const ids = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id);
    const first = await list('');
    expect(ids(first)).toEqual([made[4], made[3]]);
    expect(first.prev_page).toBeNull();
    const second = await list(`&page=${first.next_page}`);
    expect(ids(second)).toEqual([made[2], made[1]]);
    const third = await list(`&page=${second.next_page}`);
    expect(ids(third)).toEqual([made[0]]);
    expect(third.next_page).toBeNull();
    const back = await list(`&page=${third.prev_page}`);
    expect(ids(back)).toEqual([made[2], made[1]]);
    const start = await list(`&page=${back.prev_page}`);
    expect(ids(start)).toEqual([made[4], made[3]]);
    expect(start.prev_page).toBeNull();

    expect((await gateway.request('GET', `/v1/sessions?agent_id=${agent.id}&order=asc&page=${first.next_page}`)).status).toBe(400);
    expect(ids(await list('&agent_version=2'))).toEqual([]);
    expect(ids(await list('&statuses[]=terminated'))).toEqual([]);
    expect(ids(await list('&statuses=idle&statuses=running'))).toHaveLength(2);
    expect(ids(await list('&memory_store_id=memstore_1'))).toEqual([]);
    const many = Array.from({ length: 25 }, () => 'statuses[]=idle').join('&');
    expect(ids(await list(`&${many}`))).toHaveLength(2);
  });

  it('are terminated by archiving, and hidden from the list', async () => {
    const { agent, environment } = await prepare();
    const { id } = await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id });
    const archived = await gateway.sdk().beta.sessions.archive(id);
    expect(archived).toMatchObject({ id, status: 'terminated', archived_at: expect.any(String) });
    expect((await gateway.sdk().beta.sessions.list({ agent_id: agent.id })).data).toEqual([]);
    expect((await gateway.sdk().beta.sessions.list({ agent_id: agent.id, include_archived: true })).data).toHaveLength(1);
    expect(await gateway.sdk().beta.sessions.archive(id)).toMatchObject({ archived_at: archived.archived_at });
    const refused = await gateway.request('POST', `/v1/sessions/${id}/events`, {
      events: [{ type: 'user.message', content: [{ type: 'text', text: 'too late' }] }],
    });
    expect(refused.status).toBe(409);
    expect(refused.headers.get('x-should-retry')).toBe('false');
  });

  it('are not archived or deleted while inputs wait or run; killing ends them', async () => {
    const { agent, environment } = await prepare();
    const { id } = await gateway.sdk().beta.sessions.create({
      agent: agent.id,
      environment_id: environment.id,
      initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'begin' }] }],
    });
    for (const [method, path] of [
      ['POST', `/v1/sessions/${id}/archive`],
      ['DELETE', `/v1/sessions/${id}`],
    ] as const) {
      const { status, body } = await gateway.request(method, path);
      expect(status).toBe(400);
      expect(body.error.message).toContain('/kill');
    }
    const killed = await gateway.request('POST', `/v1/sessions/${id}/kill`);
    expect(killed.body).toMatchObject({ id, status: 'terminated' });
    expect((await gateway.request('POST', `/v1/sessions/${id}/kill`)).body).toMatchObject({ status: 'terminated' });
    const events = await gateway.sdk().beta.sessions.events.list(id);
    expect(events.data.at(-1)).toMatchObject({ type: 'session.status_terminated' });
  });

  it('are gone after they were deleted', async () => {
    const { agent, environment } = await prepare();
    const { id } = await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id });
    expect(await gateway.sdk().beta.sessions.delete(id)).toEqual({ id, type: 'session_deleted' });
    await expect(gateway.sdk().beta.sessions.retrieve(id)).rejects.toMatchObject({ status: 404 });
  });

  it('count the time they run', async () => {
    const { agent, environment } = await prepare();
    const { id } = await gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id });
    await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) => session.update({ status: 'running' }));
    const first = await gateway.sdk().beta.sessions.retrieve(id);
    const second = await gateway.sdk().beta.sessions.retrieve(id);
    expect(first.status).toBe('running');
    expect(second.stats.active_seconds).toBeGreaterThan(first.stats.active_seconds ?? Number.NaN);
    expect(second.stats.duration_seconds).toBeGreaterThanOrEqual(second.stats.active_seconds ?? Number.NaN);
  });
});

it('a key in x-api-key works for every client of the wire', async () => {
  const response = await fetch(`${gateway.url}/v1/agents?beta=true`, { headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } });
  expect(response.status).toBe(200);
});
