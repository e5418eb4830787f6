import { randomUUID } from 'node:crypto';
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

describe('the skills of an agent', () => {
  const upload = async (key?: string) => {
    const name = `skill-${randomUUID()}`;
    const files = [new File([`---\nname: ${name}\ndescription: d\n---\n`], `${name}/SKILL.md`)];
    return gateway.sdk(key).beta.skills.create({ files });
  };

  it('are answered at a version, or as latest where that was asked for', async () => {
    const [one, two, three] = [await upload(), await upload(), await upload()];
    const agent = await agents().create({
      name: 'Skilled',
      model: MODEL,
      skills: [
        { type: 'custom', skill_id: one.id },
        { type: 'custom', skill_id: two.id, version: 'latest' },
        { type: 'custom', skill_id: three.id, version: three.latest_version_id ?? '' },
      ],
    });
    expect(agent.skills).toEqual([
      { type: 'custom', skill_id: one.id, version: one.latest_version_id },
      { type: 'custom', skill_id: two.id, version: 'latest' },
      { type: 'custom', skill_id: three.id, version: three.latest_version_id },
    ]);
    expect((await agents().update(agent.id, { skills: [{ type: 'custom', skill_id: two.id }] })).skills).toEqual([
      { type: 'custom', skill_id: two.id, version: two.latest_version_id },
    ]);
  });

  it('are refused when they are not there, of another workspace, given twice, or of the hosted product', async () => {
    const [mine, foreign] = [await upload(), await upload(OTHER_KEY)];
    const refused = async (...skills: object[]) => (await post('/v1/agents', { name: 'x', model: MODEL, skills })).body.error;
    expect(await refused({ type: 'custom', skill_id: foreign.id })).toMatchObject({ type: 'not_found_error', message: expect.stringContaining(foreign.id) });
    expect(await refused({ type: 'custom', skill_id: mine.id, version: foreign.latest_version_id })).toMatchObject({ type: 'not_found_error' });
    expect(await refused({ type: 'custom', skill_id: mine.id }, { type: 'custom', skill_id: mine.id, version: 'latest' })).toMatchObject({
      message: expect.stringMatching(/^skills\[1\]\.skill_id: .*given twice/),
    });
    expect(await refused({ type: 'anthropic', skill_id: 'xlsx' })).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringContaining('"anthropic"'),
    });
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

describe('the tools of an agent', () => {
  const create = (fields: object) => post('/v1/agents', { name: 'Tools', model: MODEL, ...fields });

  it('take the settings of web_fetch and web_search and answer them resolved', async () => {
    const agent = await agents().create({
      name: 'Web',
      model: MODEL,
      tools: [
        custom('lookup'),
        {
          type: 'agent_toolset_20260401',
          configs: [
            {
              name: 'web_fetch',
              allowed_domains: ['docs.example.com'],
              max_content_tokens: 5_000,
              url_sources: { user_input: 'all', client_tool_results: { type: 'only', tools: [{ type: 'tool_reference', name: 'lookup' }] } },
            },
            { name: 'web_search', blocked_domains: ['example.org/ads'], user_location: { type: 'approximate', country: 'DE' } },
          ],
        },
      ],
    });
    const setting = { enabled: true, permission_policy: { type: 'always_allow' } };
    expect(agent.tools[1]).toMatchObject({
      configs: [
        {
          type: 'web_fetch',
          name: 'web_fetch',
          ...setting,
          allowed_domains: ['docs.example.com'],
          max_content_tokens: 5_000,
          url_sources: {
            user_input: { type: 'all' },
            client_tool_results: { type: 'only', tools: [{ type: 'tool_reference', name: 'lookup' }] },
            server_tool_results: null,
          },
        },
        { type: 'web_search', name: 'web_search', ...setting, blocked_domains: ['example.org/ads'], user_location: { type: 'approximate', country: 'DE' } },
      ],
    });
    const plain = await agents().create({ name: 'Web', model: MODEL, tools: [{ type: 'agent_toolset_20260401', configs: [{ name: 'web_fetch' }] }] });
    expect(plain.tools[0]).toMatchObject({ configs: [{ name: 'web_fetch', url_sources: null }] });
  });

  it.each([
    ['both lists of domains', { name: 'web_fetch', allowed_domains: ['a.example'], blocked_domains: ['b.example'] }, /blocked_domains: .*together/],
    ['an empty list of domains', { name: 'web_fetch', allowed_domains: [] }, /allowed_domains: /],
    ['65 domains', { name: 'web_fetch', allowed_domains: Array.from({ length: 65 }, (_, index) => `h${index}.example`) }, /allowed_domains: /],
    ['a scheme', { name: 'web_fetch', allowed_domains: ['https://a.example'] }, /allowed_domains\[0\]: .*without scheme/],
    ['a port', { name: 'web_search', allowed_domains: ['a.example:80'] }, /allowed_domains\[0\]: .*without scheme/],
    ['a path for web_fetch', { name: 'web_fetch', allowed_domains: ['a.example/x'] }, /allowed_domains\[0\]: /],
    ['a star', { name: 'web_fetch', blocked_domains: ['*.example'] }, /blocked_domains\[0\]: /],
    [
      'no source at all',
      { name: 'web_fetch', url_sources: { user_input: 'none', client_tool_results: { type: 'none' }, server_tool_results: 'none' } },
      /url_sources: .*at least one/,
    ],
    [
      'a filter with an unknown tool',
      { name: 'web_fetch', url_sources: { client_tool_results: { type: 'only', tools: [{ type: 'tool_reference', name: 'nobody' }] } } },
      /client_tool_results: "nobody"/,
    ],
    [
      'a filter with a tool of the sandbox',
      { name: 'web_fetch', url_sources: { server_tool_results: { type: 'except', tools: [{ type: 'tool_reference', name: 'bash' }] } } },
      /server_tool_results: "bash"/,
    ],
    ['an empty filter', { name: 'web_fetch', url_sources: { server_tool_results: { type: 'only', tools: [] } } }, /server_tool_results/],
    ['a country in small letters', { name: 'web_search', user_location: { type: 'approximate', country: 'de' } }, /country: /],
    ['settings of another tool', { name: 'bash', allowed_domains: ['a.example'] }, /allowed_domains: is not a known field/],
    ['another type than the name', { name: 'bash', type: 'read' }, /type: /],
  ])('refuse %s', async (_case, config, message) => {
    const { status, body } = await create({ tools: [{ type: 'agent_toolset_20260401', configs: [config] }] });
    expect(status, JSON.stringify(body)).toBe(400);
    expect(body.error.message).toMatch(message);
  });

  it.each([
    ['a name given twice', { tools: [custom('twice'), custom('twice')] }, /^tools\[1\]\.name: "twice" is given twice/],
    ['two toolsets of one kind', { tools: [{ type: 'agent_toolset_20260401' }, { type: 'agent_toolset_20260401' }] }, /^tools\[1\]\.type: /],
    ['129 entries', { tools: Array.from({ length: 129 }, (_, index) => custom(`t${index}`)) }, /^tools: /],
    [
      'more than 256 tools over all toolsets',
      { mcp_servers: [server('x')], tools: [custom('one'), { ...toolset('x'), configs: Array.from({ length: 256 }, (_, index) => ({ name: `t${index}` })) }] },
      /^tools: .*257/,
    ],
    ['an unknown server', { tools: [toolset('x')] }, /^tools\[0\]\.mcp_server_name: there is no server named "x"/],
    ['a server that no toolset names', { mcp_servers: [server('x')] }, /^mcp_servers\[0\]: no tool uses it/],
    ['two toolsets of one server', { mcp_servers: [server('x')], tools: [toolset('x'), toolset('x')] }, /^tools\[1\]\.mcp_server_name: "x" is given twice/],
    ['two servers of one name', { mcp_servers: [server('x'), server('x')], tools: [toolset('x')] }, /^mcp_servers\[1\]\.name: "x" is given twice/],
    ['a server that is no address', { mcp_servers: [{ ...server('x'), url: 'nonsense' }], tools: [toolset('x')] }, /^mcp_servers\[0\]\.url: /],
    [
      'a server with a password in its address',
      { mcp_servers: [{ ...server('x'), url: 'https://user:secret@mcp.example/x' }], tools: [toolset('x')] },
      /^mcp_servers\[0\]\.url: must not hold/,
    ],
    ['a server that is no web address', { mcp_servers: [{ ...server('x'), url: 'file:///etc/passwd' }], tools: [toolset('x')] }, /^mcp_servers\[0\]\.url: /],
    [
      '21 servers',
      { mcp_servers: Array.from({ length: 21 }, (_, index) => server(`s${index}`)), tools: Array.from({ length: 21 }, (_, index) => toolset(`s${index}`)) },
      /^mcp_servers: /,
    ],
    ['a skill that is not there', { skills: [{ type: 'custom', skill_id: 'skill_01KAN0000000000000000000AA' }] }, /skill_01KAN0000000000000000000AA/],
    ['21 skills', { skills: Array.from({ length: 21 }, (_, index) => ({ type: 'custom', skill_id: `skill_${index}` })) }, /^skills: /],
  ])('refuse %s', async (_case, fields, message) => {
    const { status, body } = await create(fields);
    expect([400, 404], JSON.stringify(body)).toContain(status);
    expect(body.error.message).toMatch(message);
  });

  it('of two servers may have the same name', async () => {
    const answer = await create({
      mcp_servers: [server('x'), server('y')],
      tools: [
        { ...toolset('x'), configs: [{ name: 'search' }] },
        { ...toolset('y'), configs: [{ name: 'search', permission_policy: { type: 'always_allow' } }] },
      ],
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    expect(answer.body.tools).toMatchObject([
      { default_config: { permission_policy: { type: 'always_ask' } }, configs: [{ permission_policy: { type: 'always_ask' } }] },
      { configs: [{ permission_policy: { type: 'always_allow' } }] },
    ]);
  });

  it('are checked against the servers that an update leaves', async () => {
    const { id } = await agents().create({ name: 'Servers', model: MODEL, tools: [toolset('x')], mcp_servers: [server('x')] });
    await expect(agents().update(id, { mcp_servers: [] })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('no server named') });
    await expect(agents().update(id, { tools: [] })).rejects.toMatchObject({ status: 400, message: expect.stringContaining('no tool uses it') });
    expect((await agents().update(id, { tools: [], mcp_servers: [] })).version).toBe(2);
  });
});
