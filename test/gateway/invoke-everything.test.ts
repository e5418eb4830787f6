import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { KEY, MODEL, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const invoke = (body: Readonly<Record<string, unknown>>) =>
  gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'hello', mode: 'background', ...body });
const sessions = async (): Promise<string[]> => (await gateway.request('GET', '/v1/sessions?limit=100')).body.data.map(({ id }: { id: string }) => id);

describe('an invocation with everything a session can use', () => {
  it('makes a session that has it', async () => {
    const client = gateway.sdk().beta;
    const file = await client.files.upload({ file: new File(['a,b'], 'data.csv') });
    const skill = await client.skills.create({ files: [new File(['---\nname: report\ndescription: d\n---\n'], 'report/SKILL.md')] });
    const vault = await client.vaults.create({ display_name: 'Reports' });
    const { status, body } = await invoke({
      tools: [{ type: 'agent_toolset_20260401' }, { type: 'mcp_toolset', mcp_server_name: 'tickets' }],
      mcp_servers: [{ type: 'url', name: 'tickets', url: 'https://mcp.example.com/tickets' }],
      skills: [{ type: 'custom', skill_id: skill.id }],
      resources: [{ type: 'file', file_id: file.id, mount_path: '/workspace/data.csv' }],
      vault_ids: [vault.id],
      environment: { networking: { type: 'limited', allowed_hosts: ['mcp.example.com'] } },
      title: 'Report',
      metadata: { of: 'the session' },
    });
    expect(status, JSON.stringify(body)).toBe(202);
    const session = await client.sessions.retrieve(body.session_id);
    expect(session).toMatchObject({
      title: 'Report',
      metadata: { of: 'the session' },
      vault_ids: [vault.id],
      resources: [{ type: 'file', mount_path: '/workspace/data.csv' }],
      agent: {
        mcp_servers: [{ name: 'tickets' }],
        skills: [{ type: 'custom', skill_id: skill.id, version: skill.latest_version_id }],
        tools: [{ type: 'agent_toolset_20260401' }, { type: 'mcp_toolset', default_config: { permission_policy: { type: 'always_ask' } } }],
      },
    });
    expect((await client.environments.retrieve(session.environment_id)).config).toMatchObject({
      type: 'cloud',
      networking: { type: 'limited', allowed_hosts: ['mcp.example.com'], allow_package_managers: false },
    });
  });

  it('shares the environment of equal configurations, and takes none that was changed since', async () => {
    const environment = { packages: { pip: ['numpy'] }, networking: { type: 'unrestricted' } };
    const environmentOf = async (given: object) => {
      const { body } = await invoke({ environment: given });
      return (await gateway.request('GET', `/v1/sessions/${body.session_id}`)).body.environment_id;
    };
    const first = await environmentOf(environment);
    expect(await environmentOf({ packages: { pip: ['numpy'], npm: [] } })).toBe(first);
    expect(await environmentOf({})).not.toBe(first);
    await gateway.sdk().beta.environments.update(first, { config: { type: 'cloud', packages: { pip: ['scipy'] } } });
    const { status, body } = await invoke({ environment });
    expect(status).toBe(409);
    expect(body.error.message).toContain(first);
    await gateway.sdk().beta.environments.archive(first);
    expect(await environmentOf(environment)).not.toBe(first);
  });

  it('runs in the environment that is named', async () => {
    const environment = await gateway.sdk().beta.environments.create({ name: 'of an invocation' });
    const { body } = await invoke({ environment_id: environment.id });
    expect((await gateway.request('GET', `/v1/sessions/${body.session_id}`)).body.environment_id).toBe(environment.id);
  });

  it('may have a network policy of its own in the environment that is named', async () => {
    const environment = await gateway.sdk().beta.environments.create({ name: 'of another invocation' });
    const { body } = await invoke({ environment_id: environment.id, networking: { type: 'limited', allowed_hosts: ['api.example.com'] } });
    const session = (await gateway.request('GET', `/v1/sessions/${body.session_id}`)).body;
    expect(session).toMatchObject({ environment_id: environment.id, networking: { type: 'limited', allowed_hosts: ['api.example.com'] } });
    expect((await gateway.sdk().beta.environments.retrieve(environment.id)).config).toMatchObject({ networking: { type: 'unrestricted' } });
  });

  it.each([
    ['both an environment and its id', { environment: {}, environment_id: 'env_01KAN0000000000000000000AA' }, 400, /^environment: cannot be given together/],
    [
      'two network policies',
      { environment: { networking: { type: 'unrestricted' } }, networking: { type: 'unrestricted' } },
      400,
      /^networking: cannot be given together with environment\.networking/,
    ],
    ['an unknown environment', { environment_id: 'env_01KAN0000000000000000000AA' }, 404, /Environment/],
    ['an inline environment of workers', { environment: { type: 'self_hosted' } }, 400, /^environment\.type: /],
    ['packages without a way to get them', { environment: { networking: { type: 'limited' }, packages: { pip: ['numpy'] } } }, 400, /allow_package_managers/],
    ['a server that no tool uses', { mcp_servers: [{ type: 'url', name: 'x', url: 'https://example.org' }] }, 400, /^mcp_servers\[0\]: no tool uses it/],
    ['an unknown skill', { skills: [{ type: 'custom', skill_id: 'skill_01KAN0000000000000000000AA' }] }, 404, /^skills\[0\]: /],
    ['an unknown vault', { vault_ids: ['vlt_01KAN0000000000000000000AA'] }, 404, /[Vv]ault/],
    ['a repository that has no address', { resources: [{ type: 'github_repository', url: 'nonsense' }] }, 400, /^resources\[0\]\.url: /],
    ['an unknown file', { resources: [{ type: 'file', file_id: 'file_01KAN0000000000000000000AA' }] }, 404, /[Ff]ile/],
    ['a budget for a model without a price', { budget: { type: 'limit', max_list_cost: { amount: '100', currency: 'USD' } } }, 400, /^budget: /],
  ])('refuses %s, and makes no session', async (_case, fields, status, message) => {
    const known = await sessions();
    const answer = await invoke(fields);
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer.body.error.message).toMatch(message);
    expect(await sessions()).toEqual(known);
  });

  it.each(['system', 'tools', 'mcp_servers', 'skills', 'resources', 'vault_ids', 'environment_id', 'environment', 'networking', 'title', 'metadata'])(
    'takes no %s for a session that exists',
    async (field) => {
      const { body } = await invoke({});
      const value =
        { environment: {}, networking: { type: 'unrestricted' }, metadata: {}, system: 's', title: 't', environment_id: 'env_01KAN0000000000000000000AA' }[
          field
        ] ?? [];
      const { status, body: refused } = await gateway.request('POST', '/v1/invoke', { session_id: body.session_id, input: 'more', [field]: value });
      expect(status).toBe(400);
      expect(refused.error.message).toMatch(/^session_id: goes on/);
    },
  );

  it('is what the README shows', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rondo-readme-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, '.rondo'));
    await writeFile(join(folder, '.rondo', 'api-key'), KEY);
    const [, script = ''] = /### With everything[\s\S]*?```sh\n([\s\S]*?)```/.exec(await readFile('README.md', 'utf8')) ?? [];
    const { stdout } = await promisify(execFile)('bash', ['-ec', script.replace('http://127.0.0.1:4100', gateway.url)], { cwd: folder });
    const invocation = JSON.parse(stdout);
    expect(invocation).toMatchObject({ type: 'invocation', status: 'queued' });
    expect(await gateway.sdk().beta.sessions.retrieve(invocation.session_id)).toMatchObject({
      title: 'Sales of the month',
      resources: [{ type: 'file' }],
      vault_ids: [expect.stringMatching(/^vlt_/)],
      agent: { skills: [{ type: 'custom' }], mcp_servers: [{ name: 'tickets' }] },
    });
  });
});
