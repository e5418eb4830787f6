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

const environments = () => gateway.sdk().beta.environments;
const newName = () => `environment ${randomUUID()}`;
const create = (fields: object = {}) => gateway.request('POST', '/v1/environments', { name: newName(), ...fields });
const NO_PACKAGES = { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] };

describe('a cloud environment', () => {
  it('keeps its hosts and packages', async () => {
    const config = {
      type: 'cloud' as const,
      networking: { type: 'limited' as const, allowed_hosts: ['api.example.com', '*.example.org', '192.0.2.1'], allow_package_managers: true },
      packages: {
        apt: ['ffmpeg', 'jq=1.7.1-3build1'],
        cargo: ['ripgrep@14.1.0'],
        gem: ['rake:13.2.1'],
        go: ['golang.org/x/tools/cmd/goimports@latest'],
        npm: ['typescript', '@types/node@24.1.0'],
        pip: ['numpy', 'requests[socks]==2.32.3', 'scipy~=1.14'],
      },
    };
    const environment = await environments().create({ name: newName(), config });
    expect(environment.config).toEqual({
      ...config,
      networking: { ...config.networking, allow_mcp_servers: false },
      packages: { ...config.packages, type: 'packages' },
    });
    expect(await environments().retrieve(environment.id)).toEqual(environment);
  });

  it.each([
    ['a command behind a name', { pip: ['numpy; rm -rf /'] }, /packages\.pip\[0\]/],
    ['a substitution', { apt: ['$(id)'] }, /packages\.apt\[0\]/],
    ['a line break', { npm: ['left-pad\nid'] }, /packages\.npm\[0\]/],
    ['a flag', { pip: ['--index-url=https://evil.example'] }, /packages\.pip\[0\]/],
    ['a flag of one dash', { gem: ['-v'] }, /packages\.gem\[0\]/],
    ['an address', { pip: ['git+https://evil.example/x'] }, /packages\.pip\[0\]/],
    ['a path', { npm: ['../x'] }, /packages\.npm\[0\]/],
    ['a path upwards', { go: ['example.com/../x'] }, /packages\.go\[0\]/],
    ['a redirection', { pip: ['numpy>=2'] }, /packages\.pip\[0\]/],
    ['an empty name', { cargo: [''] }, /packages\.cargo\[0\]/],
    ['101 packages', { apt: Array.from({ length: 101 }, (_, index) => `p${index}`) }, /packages\.apt/],
    ['another manager', { brew: ['x'] }, /packages\.brew: is not a known field/],
  ])('refuses %s as a package', async (_case, packages, message) => {
    const { status, body } = await create({ config: { type: 'cloud', packages } });
    expect(status, JSON.stringify(body)).toBe(400);
    expect(body.error.message).toMatch(message);
  });

  it.each(['https://example.com', 'example.com/path', 'example.com:65536', 'a b', '*', 'exa*mple.com', '-x.example', '::1', ''])(
    'refuses %j as a host',
    async (host) => {
      const { status, body } = await create({ config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: [host] } } });
      expect(status).toBe(400);
      expect(body.error.message).toMatch(/allowed_hosts\[0\]: must /);
    },
  );

  it('with limited networking takes packages only where package managers are allowed, also by an update', async () => {
    const limited = { type: 'limited' as const, allowed_hosts: [] };
    expect((await create({ config: { type: 'cloud', networking: limited, packages: { pip: ['numpy'] } } })).status).toBe(400);
    const { id } = (await create({ config: { type: 'cloud', packages: { pip: ['numpy'] } } })).body;
    const refused = await gateway.request('POST', `/v1/environments/${id}`, { config: { type: 'cloud', networking: limited } });
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toContain('allow_package_managers');
    expect((await environments().retrieve(id)).config).toMatchObject({ networking: { type: 'unrestricted' } });
  });
});

describe('a self-hosted environment', () => {
  it('has its type, and what a lost worker means', async () => {
    const plain = await environments().create({ name: newName(), config: { type: 'self_hosted' } });
    expect(plain.config).toEqual({ type: 'self_hosted', on_worker_loss: 'unknown' });
    const { body } = await create({ config: { type: 'self_hosted', on_worker_loss: 'rerun' } });
    expect(body.config).toEqual({ type: 'self_hosted', on_worker_loss: 'rerun' });
    const updated = await gateway.request('POST', `/v1/environments/${plain.id}`, { config: { type: 'self_hosted', on_worker_loss: 'rerun' } });
    expect(updated.body.config).toEqual({ type: 'self_hosted', on_worker_loss: 'rerun' });
    expect((await environments().update(plain.id, { config: { type: 'self_hosted' } })).config).toEqual({ type: 'self_hosted', on_worker_loss: 'rerun' });
  });

  it.each([
    ['networking', { type: 'self_hosted', networking: { type: 'unrestricted' } }],
    ['another word', { type: 'self_hosted', on_worker_loss: 'ignore' }],
    ['another type', { type: 'elsewhere' }],
  ])('refuses %s', async (_case, config) => {
    expect((await create({ config })).status).toBe(400);
  });
});

describe('an update of an environment', () => {
  it('keeps what is left out, also inside the configuration', async () => {
    const before = await environments().create({
      name: newName(),
      description: 'is described',
      metadata: { kept: '1', emptied: '2', deleted: '3' },
      config: {
        type: 'cloud',
        networking: { type: 'limited', allowed_hosts: ['a.example'], allow_package_managers: true },
        packages: { pip: ['numpy'], npm: ['typescript'] },
      },
    });
    const after = await environments().update(before.id, {
      metadata: { emptied: '', deleted: null, added: 'x' },
      config: { type: 'cloud', networking: { type: 'limited', allow_mcp_servers: true }, packages: { pip: [], apt: ['jq'] } },
    });
    expect(after).toEqual({
      ...before,
      metadata: { kept: '1', added: 'x' },
      config: {
        type: 'cloud',
        networking: { type: 'limited', allowed_hosts: ['a.example'], allow_mcp_servers: true, allow_package_managers: true },
        packages: { ...NO_PACKAGES, npm: ['typescript'], apt: ['jq'] },
      },
      updated_at: after.updated_at,
    });
    expect(await environments().retrieve(before.id)).toEqual(after);
    expect(await environments().update(before.id, { name: null, config: null, description: null })).toMatchObject({
      name: before.name,
      config: after.config,
      description: null,
    });
    expect(await environments().update(before.id, { description: '' })).toMatchObject({ description: '' });
  });

  it('cannot change the type', async () => {
    const { id } = await environments().create({ name: newName() });
    const { status, body } = await gateway.request('POST', `/v1/environments/${id}`, { config: { type: 'self_hosted' } });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: 'invalid_request_error', details: { error_code: 'invalid_config_type_change' } });
  });

  it('to a name that is taken is a conflict, and to its own name is none', async () => {
    const [one, other] = [await environments().create({ name: newName() }), await environments().create({ name: newName() })];
    const { status, headers, body } = await gateway.request('POST', `/v1/environments/${other.id}`, { name: one.name });
    expect(status).toBe(409);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(body.error.message).toContain(JSON.stringify(one.name));
    expect((await environments().update(one.id, { name: one.name })).name).toBe(one.name);
  });

  it('says which metadata it refuses', async () => {
    const { id } = await environments().create({ name: newName() });
    for (const metadata of [{ key: 'x'.repeat(513) }, Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v']))]) {
      const { status, body } = await gateway.request('POST', `/v1/environments/${id}`, { metadata });
      expect(status).toBe(400);
      expect(body.error).toMatchObject({ message: expect.stringMatching(/^metadata/), details: { error_code: 'invalid_metadata' } });
    }
  });
});

describe('an archived environment', () => {
  it('takes no updates and no sessions, and gives its name free', async () => {
    const { id, name } = await environments().create({ name: newName() });
    const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: MODEL });
    const archived = await environments().archive(id);
    expect(archived.archived_at).toEqual(expect.any(String));
    expect(await environments().archive(id)).toEqual(archived);
    for (const refused of [
      await gateway.request('POST', `/v1/environments/${id}`, { description: 'x' }),
      await gateway.request('POST', '/v1/sessions', { agent: agent.id, environment_id: id }),
    ]) {
      expect(refused.status).toBe(400);
      expect(refused.body.error).toMatchObject({ details: { error_code: 'environment_archived' }, message: expect.stringContaining(id) });
    }
    expect((await environments().create({ name })).id).not.toBe(id);
    const ids = async (query: string) => (await gateway.request('GET', `/v1/environments?limit=100${query}`)).body.data.map((item: { id: string }) => item.id);
    expect(await ids('')).not.toContain(id);
    expect(await ids('&include_archived=true')).toContain(id);
  });
});

describe('deleting an environment', () => {
  it('is refused while it has sessions, and says how many', async () => {
    const { id } = await environments().create({ name: newName() });
    const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: MODEL });
    const sessions = await Promise.all([1, 2].map(() => gateway.sdk().beta.sessions.create({ agent: agent.id, environment_id: id })));
    const { status, headers, body } = await gateway.request('DELETE', `/v1/environments/${id}`);
    expect(status).toBe(409);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(body.error.message).toContain('has 2 sessions');
    for (const session of sessions) await gateway.sdk().beta.sessions.delete(session.id);
    expect(await environments().delete(id)).toEqual({ id, type: 'environment_deleted' });
    await expect(environments().retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(environments().delete(id)).rejects.toMatchObject({ status: 404 });
  });

  it('leaves no session behind when one is made at the same time', async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: MODEL });
    for (let round = 0; round < 10; round += 1) {
      const { id } = await environments().create({ name: newName() });
      const [session, removed] = await Promise.all([
        gateway.request('POST', '/v1/sessions', { agent: agent.id, environment_id: id }),
        gateway.request('DELETE', `/v1/environments/${id}`),
      ]);
      expect([session.status, removed.status].sort()).toEqual(session.status === 200 ? [200, 409] : [200, 404]);
    }
  });

  it('and every other change is not taken from another workspace', async () => {
    const { id } = await environments().create({ name: newName() });
    const foreign = { authorization: `Bearer ${OTHER_KEY}` };
    expect((await gateway.request('DELETE', `/v1/environments/${id}`, undefined, foreign)).status).toBe(404);
    expect((await gateway.request('POST', `/v1/environments/${id}/archive`, undefined, foreign)).status).toBe(404);
    expect((await gateway.request('POST', `/v1/environments/${id}`, { name: 'yours' }, foreign)).status).toBe(404);
    expect(await environments().retrieve(id)).toMatchObject({ archived_at: null });
  });
});
