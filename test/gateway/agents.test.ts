import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const agents = () => gateway.sdk().beta.agents;
const post = (path: string, body?: unknown) => gateway.request('POST', path, body);
const custom = (name: string) => ({ type: 'custom' as const, name, description: 'd', input_schema: { type: 'object' as const } });
const server = (name: string) => ({ type: 'url' as const, name, url: `https://mcp.example/${name}` });
const toolset = (name: string) => ({ type: 'mcp_toolset' as const, mcp_server_name: name });

describe('an update of an agent', () => {
  it('makes a new version with what was given and keeps the rest', async () => {
    const agent = await agents().create({
      name: 'First',
      model: { id: MODEL, effort: 'low', speed: 'fast' },
      description: 'is described',
      system: 'is told',
      tools: [custom('lookup')],
      metadata: { kept: '1', changed: '2', deleted: '3' },
    });
    const second = await agents().update(agent.id, { name: 'Second', version: 1, metadata: { changed: 'x', deleted: null, added: '' } });
    expect(second).toEqual({
      ...agent,
      name: 'Second',
      version: 2,
      metadata: { kept: '1', changed: 'x', added: '' },
      updated_at: second.updated_at,
    });
    expect(Date.parse(second.updated_at)).toBeGreaterThanOrEqual(Date.parse(agent.updated_at));
    expect(await agents().retrieve(agent.id)).toEqual(second);
    expect(await agents().retrieve(agent.id, { version: 1 })).toEqual(agent);
  });

  it('clears with null or an empty text, and replaces lists whole', async () => {
    const { id } = await agents().create({
      name: 'Full',
      model: MODEL,
      description: 'd',
      system: 's',
      tools: [custom('one'), toolset('x')],
      mcp_servers: [server('x')],
    });
    const replaced = await agents().update(id, { tools: [custom('two'), toolset('y')], mcp_servers: [server('y')] });
    expect(replaced).toMatchObject({ version: 2, tools: [{ name: 'two' }, { mcp_server_name: 'y' }], mcp_servers: [{ name: 'y' }], system: 's' });
    const cleared = await agents().update(id, { description: null, system: '', tools: null, mcp_servers: [], skills: null });
    expect(cleared).toMatchObject({ version: 3, description: null, system: null, tools: [], mcp_servers: [], skills: [] });
  });

  it('replaces the model as a whole, but keeps its effort where none is given', async () => {
    const { id } = await agents().create({ name: 'Effort', model: { id: MODEL, effort: 'max', speed: 'fast' } });
    expect((await agents().update(id, { model: 'rehearsal/other' })).model).toEqual({ id: 'rehearsal/other', effort: { type: 'max' }, speed: 'standard' });
    expect((await agents().update(id, { model: { id: MODEL, effort: { type: 'low' } } })).model).toEqual({
      id: MODEL,
      effort: { type: 'low' },
      speed: 'standard',
    });
  });

  it('that changes nothing makes no version', async () => {
    const agent = await agents().create({ name: 'Same', model: MODEL, tools: [{ type: 'agent_toolset_20260401' }], metadata: { b: '1', a: '2' } });
    for (const same of [
      {},
      { name: 'Same' },
      { version: 1, model: MODEL },
      { tools: [{ type: 'agent_toolset_20260401' as const, configs: [] }] },
      { metadata: { a: '2', gone: null } },
    ]) {
      expect(await agents().update(agent.id, same)).toEqual(agent);
    }
    expect((await agents().versions.list(agent.id)).data).toEqual([agent]);
  });

  it('with another version than the latest is a conflict that is not worth retrying', async () => {
    const { id } = await agents().create({ name: 'Locked', model: MODEL });
    await agents().update(id, { name: 'Locked again' });
    const { status, headers, body } = await post(`/v1/agents/${id}`, { version: 1, name: 'Too late' });
    expect(status).toBe(409);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(body.error).toMatchObject({ type: 'invalid_request_error', message: expect.stringContaining('at version 2, not 1') });
    expect((await agents().retrieve(id)).name).toBe('Locked again');
  });

  it('wins alone when many are sent with the same version, and versions have no gap', async () => {
    const { id } = await agents().create({ name: 'Wanted', model: MODEL });
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => post(`/v1/agents/${id}`, { version: 1, name: `writer ${index}` })));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 11 }, () => 409)]);
    expect((await agents().retrieve(id)).name).toBe(outcomes.find(({ status }) => status === 200)?.body.name);

    const unconditional = await Promise.all(
      Array.from({ length: 8 }, (_, index) => post(`/v1/agents/${id}`, { metadata: { [`writer${index}`]: 'was here' } })),
    );
    expect(unconditional.every(({ status }) => status === 200)).toBe(true);
    const versions: number[] = [];
    for await (const version of agents().versions.list(id, { limit: 3 })) versions.push(version.version);
    expect(versions).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(Object.keys((await agents().retrieve(id)).metadata)).toHaveLength(8);
  });

  it.each([
    ['a name of null', { name: null }, /^name: /],
    ['an empty name', { name: '' }, /^name: /],
    ['a model of null', { model: null }, /^model: /],
    ['a version of zero', { version: 0 }, /^version: /],
    ['metadata that is too long', { metadata: { key: 'x'.repeat(513) } }, /^metadata\.key: /],
    [
      'metadata that would have too many entries',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) },
      /^metadata: .*16/,
    ],
    ['an unknown field', { nam: 'x' }, /nam: is not a known field/],
    ['an unknown model', { model: 'gpt-6' }, /gpt-6/],
    ['a role of another cloud', { execution_identity: { type: 'aws_role', role_arn: 'arn:aws:iam::1:role/x' } }, /^execution_identity\.type: .*not supported/],
    ['a multiagent roster', { multiagent: { type: 'coordinator', agents: ['agent_x'] } }, /^multiagent: .*not supported yet/],
    ['a region', { model: { id: MODEL, inference_geo: 'eu' } }, /inference_geo: .*not supported/],
  ])('refuses %s, and makes no version', async (_case, change, message) => {
    const { id } = await agents().create({ name: 'Kept', model: MODEL });
    const { status, body } = await post(`/v1/agents/${id}`, change);
    expect(status, JSON.stringify(body)).toBe(400);
    expect(body.error.message).toMatch(message);
    expect((await agents().retrieve(id)).version).toBe(1);
  });

  it('is not taken from another workspace', async () => {
    const { id } = await agents().create({ name: 'Mine', model: MODEL });
    const foreign = { authorization: `Bearer ${OTHER_KEY}` };
    for (const [method, path] of [
      ['POST', ''],
      ['POST', '/archive'],
      ['GET', '/versions'],
    ] as const) {
      expect((await gateway.request(method, `/v1/agents/${id}${path}`, method === 'POST' && path === '' ? { name: 'yours' } : undefined, foreign)).status).toBe(
        404,
      );
    }
    expect(await agents().retrieve(id)).toMatchObject({ name: 'Mine', archived_at: null });
  });
});

describe('an archived agent', () => {
  it('takes no updates and no sessions, stays readable, and is listed only on request', async () => {
    const agent = await agents().create({ name: 'Old', model: MODEL });
    const environment = await gateway.sdk().beta.environments.create({ name: `for ${agent.id}` });
    const archived = await agents().archive(agent.id);
    expect(archived).toMatchObject({ id: agent.id, version: 1, archived_at: expect.any(String) });
    expect(await agents().archive(agent.id)).toEqual(archived);
    expect(await agents().retrieve(agent.id)).toEqual(archived);
    await expect(agents().update(agent.id, { name: 'New' })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('archived') });
    await expect(gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: environment.id })).rejects.toMatchObject({ status: 400 });
    const ids = async (query: string) => (await gateway.request('GET', `/v1/agents?limit=100${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await ids('')).not.toContain(agent.id);
    expect(await ids('&include_archived=true')).toContain(agent.id);
  });

  it('of an invocation is replaced by the next invocation of the same definition', async () => {
    const invoke = async () => (await post('/v1/invoke', { model: MODEL, system: 'archived later', input: 'x', mode: 'background' })).body.session_id;
    const agentOf = async (session: string) => (await gateway.sdk().beta.sessions.retrieve(session)).agent.id;
    const first = await agentOf(await invoke());
    await agents().archive(first);
    const second = await invoke();
    expect(await agentOf(second)).not.toBe(first);
  });
});

describe('the versions of an agent', () => {
  it('refuse the cursor of another agent', async () => {
    const [one, other] = [await agents().create({ name: 'One', model: MODEL }), await agents().create({ name: 'Other', model: MODEL })];
    for (const name of ['a', 'b']) await agents().update(one.id, { name });
    const { next_page } = await agents().versions.list(one.id, { limit: 1 });
    expect((await gateway.request('GET', `/v1/agents/${other.id}/versions?page=${next_page}`)).status).toBe(400);
  });
});
