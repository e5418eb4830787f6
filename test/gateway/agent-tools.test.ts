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
