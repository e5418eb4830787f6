import { randomBytes } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSecrets } from '../canary/secret-forms.js';
import { KEY, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;
let owner: pg.Client;
/** The official SDK, unmodified; what it is answered is kept for the search at the end. */
let client: Anthropic;
/** Every secret that a test sends, and every text that a test is answered. */
const secrets: Record<string, string> = {};
const answers: { place: string; text: string }[] = [];

const aSecret = (name: string): string => {
  const secret = `${name}-${randomBytes(16).toString('hex')}`;
  secrets[`${name} ${Object.keys(secrets).length}`] = secret;
  return secret;
};
const recordingFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const response = await fetch(input, init);
  answers.push({
    place: `${init?.method} ${input instanceof Request ? input.url : input}`,
    text: `${JSON.stringify([...response.headers])} ${await response.clone().text()}`,
  });
  return response;
};
const MISSING = 'vlt_01KAN0000000000000000000AA';

beforeAll(async () => {
  gateway = await startTestGateway();
  client = new Anthropic({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: recordingFetch });
  owner = new pg.Client({ connectionString: gateway.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await gateway?.stop();
});

const vaults = () => client.beta.vaults;
const credentials = () => client.beta.vaults.credentials;
const aVault = async (name = 'A vault') => (await vaults().create({ display_name: name })).id;
const bearer = (url = `https://mcp-${randomBytes(4).toString('hex')}.example.com/sse`) =>
  ({ type: 'static_bearer', mcp_server_url: url, token: aSecret('bearer') }) as const;
const variable = (name: string) =>
  ({ type: 'environment_variable', secret_name: name, secret_value: aSecret('variable'), networking: { type: 'unrestricted' } }) as const;
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const oauth = () =>
  ({
    type: 'mcp_oauth',
    mcp_server_url: `https://mcp-${randomBytes(4).toString('hex')}.example.com/mcp`,
    access_token: aSecret('access'),
    expires_at: inAnHour(),
    refresh: {
      client_id: 'a-client',
      refresh_token: aSecret('refresh'),
      token_endpoint: 'https://auth.example.com/token',
      token_endpoint_auth: { type: 'client_secret_post', client_secret: aSecret('client') },
      scope: 'read',
    },
  }) as const;

/** One request whose answer is kept for the search at the end. */
async function request(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const answer = await gateway.request(method, path, body, headers);
  answers.push({ place: `${method} ${path}`, text: `${JSON.stringify([...answer.headers])} ${JSON.stringify(answer.body)}` });
  return answer;
}
const refused = async (vault: string, auth: object) => {
  const { status, body } = await request('POST', `/v1/vaults/${vault}/credentials`, { auth });
  return { status, message: String(body.error?.message) };
};
/** The row of a credential, past every policy. */
async function rowOf(id: string): Promise<Record<string, unknown>> {
  const { rows } = await owner.query('select * from vault_credentials where id = $1', [id]);
  return rows[0];
}

describe('vaults, by the official SDK', () => {
  it('are created, retrieved, changed, listed, archived and deleted', async () => {
    const vault = await vaults().create({ display_name: 'Team', metadata: { team: 'a', cost: '1' } });
    expect(vault).toMatchObject({ type: 'vault', display_name: 'Team', metadata: { team: 'a', cost: '1' }, archived_at: null });
    expect(vault.id).toMatch(/^vlt_/);
    expect(await vaults().retrieve(vault.id)).toEqual(vault);

    const changed = await vaults().update(vault.id, { display_name: 'Crew', metadata: { cost: null, place: 'b' } });
    expect(changed).toMatchObject({ id: vault.id, display_name: 'Crew', metadata: { team: 'a', place: 'b' } });
    expect(Date.parse(changed.updated_at)).toBeGreaterThanOrEqual(Date.parse(vault.updated_at));

    const archived = await vaults().archive(vault.id);
    expect(archived.archived_at).not.toBeNull();
    expect(await vaults().archive(vault.id)).toEqual(archived);
    expect(await vaults().retrieve(vault.id)).toEqual(archived);
    expect(await vaults().delete(vault.id)).toMatchObject({ id: vault.id, type: 'vault_deleted' });
    await expect(vaults().retrieve(vault.id)).rejects.toMatchObject({ status: 404 });
  });

  it('are listed newest first over pages; archived ones on demand', async () => {
    const [first, second, third] = [await aVault('first'), await aVault('second'), await aVault('third')];
    await vaults().archive(second);
    const listed = async (include_archived: boolean) => {
      const ids: string[] = [];
      for await (const { id } of vaults().list({ limit: 2, include_archived })) ids.push(id);
      return ids.filter((id) => [first, second, third].includes(id));
    };
    expect(await listed(false)).toEqual([third, first]);
    expect(await listed(true)).toEqual([third, second, first]);
  });

  it('take no change and no credential once archived, and lose the secrets of those they have', async () => {
    const id = await aVault();
    const credential = await credentials().create(id, { auth: oauth() });
    await vaults().archive(id);
    expect(await rowOf(credential.id)).toMatchObject({ secret: null, refresh_token: null, client_secret: null, archived_at: expect.any(Date) });
    for (const [path, body] of [
      ['', { display_name: 'x' }],
      ['/credentials', { auth: bearer() }],
    ] as const) {
      const { status, body: answer } = await request('POST', `/v1/vaults/${id}${path}`, body);
      expect({ status, message: answer.error.message }).toEqual({ status: 400, message: expect.stringContaining(`Vault ${id} is archived`) });
    }
  });

  it.each([
    [{}, /display_name/],
    [{ display_name: '' }, /display_name/],
    [{ display_name: 'x'.repeat(256) }, /display_name/],
    [{ display_name: 'x', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 'v'])) }, /metadata.*16/],
    [{ display_name: 'x', secret: 'y' }, /secret: is not a known field/],
  ])('are refused with a reason: %#', async (body, message) => {
    const answer = await request('POST', '/v1/vaults', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(message);
  });

  it('go with their credentials when they are deleted, also while they hold some', async () => {
    const id = await aVault();
    const credential = await credentials().create(id, { auth: bearer() });
    await vaults().delete(id);
    expect(await rowOf(credential.id)).toBeUndefined();
    expect((await request('GET', `/v1/vaults/${id}/credentials`)).status).toBe(404);
  });
});

describe('credentials, by the official SDK', () => {
  it('of a static bearer are created, retrieved, changed, listed, archived and deleted', async () => {
    const vault_id = await aVault();
    const auth = bearer();
    const created = await credentials().create(vault_id, { auth, display_name: 'Tracker', metadata: { of: 'a' } });
    expect(created).toMatchObject({ type: 'vault_credential', vault_id, display_name: 'Tracker', metadata: { of: 'a' }, archived_at: null });
    expect(created.auth).toEqual({ type: 'static_bearer', mcp_server_url: auth.mcp_server_url });
    expect(await credentials().retrieve(created.id, { vault_id })).toEqual(created);

    const before = await rowOf(created.id);
    const changed = await credentials().update(created.id, { vault_id, auth: { type: 'static_bearer', token: aSecret('bearer') }, display_name: null });
    expect(changed).toMatchObject({ auth: created.auth, display_name: null, metadata: { of: 'a' } });
    expect((await rowOf(created.id))['secret']).not.toEqual(before['secret']);

    const archived = await credentials().archive(created.id, { vault_id });
    expect(archived.archived_at).not.toBeNull();
    expect(await credentials().archive(created.id, { vault_id })).toEqual(archived);
    expect((await credentials().list(vault_id)).data).toEqual([]);
    expect((await credentials().list(vault_id, { include_archived: true })).data).toEqual([archived]);
    expect(await rowOf(created.id)).toMatchObject({ secret: null });
    expect((await request('POST', `/v1/vaults/${vault_id}/credentials/${created.id}`, { display_name: 'x' })).body.error.message).toMatch(/is archived/);
    await credentials().create(vault_id, { auth: { ...auth, token: aSecret('bearer') } });

    expect(await credentials().delete(created.id, { vault_id })).toMatchObject({ id: created.id, type: 'vault_credential_deleted' });
    await expect(credentials().retrieve(created.id, { vault_id })).rejects.toMatchObject({ status: 404 });
  });

  it('of OAuth answer everything but tokens and client secret, and change by the rules of the wire', async () => {
    const vault_id = await aVault();
    const auth = oauth();
    const created = await credentials().create(vault_id, { auth });
    const refresh = {
      client_id: 'a-client',
      token_endpoint: 'https://auth.example.com/token',
      token_endpoint_auth: { type: 'client_secret_post' },
      resource: null,
      scope: 'read',
    };
    expect(created.auth).toEqual({ type: 'mcp_oauth', mcp_server_url: auth.mcp_server_url, expires_at: auth.expires_at, refresh });

    const update = (change: object) => credentials().update(created.id, { vault_id, auth: { type: 'mcp_oauth', ...change } });
    const later = new Date(Date.now() + 7_200_000).toISOString();
    const before = await rowOf(created.id);
    expect((await update({ access_token: aSecret('access') })).auth).toEqual(created.auth);
    expect((await update({ expires_at: later })).auth).toMatchObject({ expires_at: later });
    expect((await update({ refresh: { refresh_token: aSecret('refresh'), scope: '' } })).auth).toMatchObject({ refresh: { ...refresh, scope: null } });
    // A client secret keeps the stored way to send it, whichever type comes with it.
    const replaced = await update({ refresh: { token_endpoint_auth: { type: 'client_secret_basic', client_secret: aSecret('client') } } });
    expect(replaced.auth).toMatchObject({ refresh: { token_endpoint_auth: { type: 'client_secret_post' } } });
    const after = await rowOf(created.id);
    for (const column of ['secret', 'refresh_token', 'client_secret']) expect(after[column], column).not.toEqual(before[column]);

    expect((await update({ expires_at: null, refresh: null })).auth).toMatchObject({ expires_at: null, refresh: null });
    expect(await rowOf(created.id)).toMatchObject({ refresh_token: null, client_secret: null, secret: expect.any(Buffer) });
    await expect(update({ refresh: { scope: 'x' } })).rejects.toThrow(/auth\.refresh: this credential was created without/);
  });

  it('of an environment variable fill in and merge where the value is put', async () => {
    const vault_id = await aVault();
    const created = await credentials().create(vault_id, { auth: variable('API_TOKEN') });
    expect(created.auth).toEqual({
      type: 'environment_variable',
      secret_name: 'API_TOKEN',
      networking: { type: 'unrestricted' },
      injection_location: { header: true, body: true },
    });
    const update = async (change: object) =>
      (await credentials().update(created.id, { vault_id, auth: { type: 'environment_variable', ...change } })).auth as unknown as Record<string, unknown>;
    expect((await update({ injection_location: { body: false } }))['injection_location']).toEqual({ header: true, body: false });
    await expect(update({ injection_location: { header: false } })).rejects.toThrow(/auth\.injection_location: header, body or both must be true/);
    const limited = { type: 'limited', allowed_hosts: ['API.example.com', '*.example.com', '192.0.2.1', 'api.example.com'] };
    expect((await update({ networking: limited }))['networking']).toEqual({
      type: 'limited',
      allowed_hosts: ['api.example.com', '*.example.com', '192.0.2.1'],
    });
    expect(await update({ secret_value: aSecret('variable') })).toMatchObject({
      injection_location: { header: true, body: false },
      networking: { type: 'limited' },
    });

    const headerOnly = await credentials().create(vault_id, { auth: { ...variable('OTHER_TOKEN'), injection_location: { header: true } } });
    expect(headerOnly.auth).toMatchObject({ injection_location: { header: true, body: false } });
  });

  it.each([
    ['a token with a line break', { ...bearer(), token: `${aSecret('bearer')}\r\nx-admin: 1` }, /auth\.token: must be printable ASCII/],
    ['an empty token', { ...bearer(), token: '' }, /auth\.token/],
    ['an address with a password', bearer('https://me:hunter2@mcp.example.com/'), /auth\.mcp_server_url: must not hold/],
    ['an address of another protocol', bearer('ftp://mcp.example.com/'), /auth\.mcp_server_url: must be an http or https address/],
    ['an address with a fragment', bearer('https://mcp.example.com/#x'), /fragment/],
    ['an expiry that has passed', { ...oauth(), expires_at: '2020-01-01T00:00:00Z' }, /auth\.expires_at: must be in the future/],
    ['a variable that is no name', variable('1TOKEN'), /auth\.secret_name: must be the name/],
    ['a variable with a dash', variable('API-TOKEN'), /auth\.secret_name: must be the name/],
    ['PATH', variable('PATH'), /auth\.secret_name: is a variable that shells or programs act on/],
    ['LD_PRELOAD', variable('LD_PRELOAD'), /auth\.secret_name: is a variable/],
    ['a proxy', variable('https_proxy'), /auth\.secret_name: is a variable/],
    [
      'a host with a port',
      { ...variable('T'), networking: { type: 'limited', allowed_hosts: ['a.example.com:443'] } },
      /allowed_hosts\[0\]: must be a host name/,
    ],
    ['a host with a path', { ...variable('T'), networking: { type: 'limited', allowed_hosts: ['https://a.example.com/x'] } }, /allowed_hosts\[0\]/],
    ['an IPv6 address', { ...variable('T'), networking: { type: 'limited', allowed_hosts: ['::1'] } }, /allowed_hosts\[0\]/],
    ['a number for a host', { ...variable('T'), networking: { type: 'limited', allowed_hosts: ['2130706433'] } }, /allowed_hosts\[0\]/],
    ['a star within a name', { ...variable('T'), networking: { type: 'limited', allowed_hosts: ['a.*.example.com'] } }, /allowed_hosts\[0\]/],
    [
      '17 hosts',
      { ...variable('T'), networking: { type: 'limited', allowed_hosts: Array.from({ length: 17 }, (_, index) => `h${index}.example.com`) } },
      /allowed_hosts/,
    ],
    ['no place for the value', { ...variable('T'), injection_location: {} }, /auth\.injection_location/],
    ['another type', { type: 'password', token: aSecret('bearer') }, /auth\.type/],
    ['a secret in a wrong place', { ...bearer(), secret_value: aSecret('bearer') }, /auth\.secret_value: is not a known field/],
  ])('are refused with %s, without repeating a secret', async (_case, auth, message) => {
    const answer = await refused(await aVault(), auth);
    expect(answer).toEqual({ status: 400, message: expect.stringMatching(message) });
    expect(answer.message).not.toContain('hunter2');
  });

  it('keep type and target for ever, and a secret that somebody tries to clear', async () => {
    const vault_id = await aVault();
    const { id } = await credentials().create(vault_id, { auth: bearer() });
    const update = async (auth: object) => (await request('POST', `/v1/vaults/${vault_id}/credentials/${id}`, { auth })).body.error?.message;
    expect(await update({ type: 'mcp_oauth', access_token: aSecret('access') })).toMatch(
      /auth\.type: this credential is of type static_bearer, which cannot be changed/,
    );
    expect(await update({ type: 'static_bearer', mcp_server_url: 'https://other.example.com' })).toMatch(/auth\.mcp_server_url: cannot be changed/);
    expect(await update({ type: 'static_bearer', token: null })).toMatch(/auth\.token: cannot be cleared; leave it out/);
  });

  it('are one for each address in its one spelling and each variable, until archived', async () => {
    const vault = await aVault();
    await credentials().create(vault, { auth: bearer('https://mcp.example.com/sse') });
    await credentials().create(vault, { auth: variable('API_TOKEN') });
    for (const auth of [bearer('https://MCP.example.com:443/sse/'), { ...oauth(), mcp_server_url: 'https://mcp.example.com/sse?x=1' }, variable('API_TOKEN')]) {
      const { status, headers, body } = await request('POST', `/v1/vaults/${vault}/credentials`, { auth });
      expect({ status, again: headers.get('x-should-retry'), type: body.error.type }).toEqual({ status: 409, again: 'false', type: 'invalid_request_error' });
      expect(body.error.message).toMatch(/has an active credential for/);
    }
    expect((await refused(vault, variable('api_token'))).status).toBe(200);
    expect((await refused(await aVault(), bearer('https://mcp.example.com/sse'))).status).toBe(200);
  });

  it('are one for each address also when many ask for it at once', async () => {
    const vault = await aVault();
    const url = 'https://raced.example.com/mcp';
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await refused(vault, bearer(url))).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(11);
  });

  it('are twenty in a vault, also when more ask at once; archived ones do not count', async () => {
    const vault_id = await aVault();
    const made = await Promise.all(Array.from({ length: 24 }, (_, index) => refused(vault_id, variable(`TOKEN_${index}`))));
    expect(made.filter(({ status }) => status === 200)).toHaveLength(20);
    expect(made.find(({ status }) => status !== 200)).toEqual({ status: 400, message: expect.stringContaining('at most 20') });
    const [one] = (await credentials().list(vault_id)).data;
    await credentials().archive(one?.id ?? '', { vault_id });
    expect((await refused(vault_id, variable('ONE_MORE'))).status).toBe(200);
    const ids: string[] = [];
    for await (const { id } of credentials().list(vault_id, { limit: 7, include_archived: true })) ids.push(id);
    expect(new Set(ids).size).toBe(21);
  });

  it('are found in their own vault and workspace only', async () => {
    const vault_id = await aVault();
    const { id } = await credentials().create(vault_id, { auth: bearer() });
    const [other, stranger] = [await aVault(), { authorization: `Bearer ${OTHER_KEY}` }];
    for (const [method, path, headers] of [
      ['GET', `/v1/vaults/${other}/credentials/${id}`, {}],
      ['POST', `/v1/vaults/${other}/credentials/${id}`, {}],
      ['POST', `/v1/vaults/${other}/credentials/${id}/archive`, {}],
      ['DELETE', `/v1/vaults/${other}/credentials/${id}`, {}],
      ['GET', `/v1/vaults/${vault_id}/credentials/not-an-id`, {}],
      ['GET', `/v1/vaults/${vault_id}`, stranger],
      ['POST', `/v1/vaults/${vault_id}`, stranger],
      ['POST', `/v1/vaults/${vault_id}/archive`, stranger],
      ['DELETE', `/v1/vaults/${vault_id}`, stranger],
      ['GET', `/v1/vaults/${vault_id}/credentials`, stranger],
      ['POST', `/v1/vaults/${vault_id}/credentials`, stranger],
      ['GET', `/v1/vaults/${vault_id}/credentials/${id}`, stranger],
      ['DELETE', `/v1/vaults/${vault_id}/credentials/${id}`, stranger],
    ] as const) {
      const body = method === 'POST' && !path.endsWith('/archive') ? (path.endsWith('credentials') ? { auth: bearer() } : {}) : undefined;
      expect((await request(method, path, body, headers)).status, `${method} ${path}`).toBe(404);
    }
    expect((await credentials().retrieve(id, { vault_id })).archived_at).toBeNull();
    expect((await gateway.sdk(OTHER_KEY).beta.vaults.list()).data).toEqual([]);
  });
});

describe('sessions', () => {
  const prepare = async () => {
    const agent = await gateway.sdk().beta.agents.create({ name: 'Worker', model: 'rehearsal/demo' });
    const environment = await gateway.sdk().beta.environments.create({ name: `for ${agent.id}` });
    return { agent: agent.id, environment_id: environment.id };
  };

  it('name vaults that exist and are not archived, and go on when one is deleted', async () => {
    const vault = await aVault();
    const session = await gateway.sdk().beta.sessions.create({ ...(await prepare()), vault_ids: [vault] });
    expect(session.vault_ids).toEqual([vault]);
    await vaults().delete(vault);
    expect((await gateway.sdk().beta.sessions.retrieve(session.id)).vault_ids).toEqual([vault]);
  });

  it.each([
    ['missing', async () => MISSING, 404],
    ['no id', async () => 'vault', 404],
    ['archived', async () => (await vaults().archive(await aVault())).id, 400],
    ["another workspace's", async () => (await gateway.sdk(OTHER_KEY).beta.vaults.create({ display_name: 'x' })).id, 404],
  ])('are refused a vault that is %s, by the name of the field', async (_case, vaultId, status) => {
    const answer = await request('POST', '/v1/sessions', { ...(await prepare()), vault_ids: [await aVault(), await vaultId()] });
    expect({ status: answer.status, message: answer.body.error?.message }).toEqual({ status, message: expect.stringMatching(/^vault_ids: vault /) });
  });
});

describe('a secret', () => {
  it('is in no answer and no OpenAPI example, and in no column of the database, in any form', async () => {
    const dump: { place: string; text: string }[] = [];
    const { rows: columns } = await owner.query<{ table_name: string; column_name: string }>(
      `select table_name, column_name from information_schema.columns where table_schema = 'public'`,
    );
    for (const { table_name: table, column_name: column } of columns) {
      const { rows } = await owner.query<{ text: string; raw: string | null }>(
        `select "${column}"::text as text, case when pg_typeof("${column}") = 'bytea'::regtype then encode("${column}"::text::bytea, 'escape') end as raw from "${table}" where "${column}" is not null`,
      );
      dump.push(...rows.flatMap(({ text, raw }) => [text, raw ?? ''].map((each) => ({ place: `table ${table} ${column}`, text: each }))));
    }
    const docs = await fetch(`${gateway.url}/docs-json`);
    answers.push({ place: 'OpenAPI', text: await docs.text() });
    expect(Object.keys(secrets).length).toBeGreaterThan(50);
    expect(answers.length).toBeGreaterThan(100);
    expect(dump.filter(({ place }) => place === 'table vault_credentials secret').length).toBeGreaterThan(20);
    expect(findSecrets([...answers, ...dump], secrets)).toEqual([]);
    // The search sees what is there: one secret put where none may be.
    const { name, planted } = Object.entries(secrets).map(([each, secret]) => ({ name: each, planted: secret }))[0] ?? { name: '', planted: '' };
    expect(findSecrets([{ place: 'planted', text: `...${planted}...` }], secrets)).toContain(`planted: ${name}, plain`);
  });

  it('is documented as written and never read', async () => {
    const { components, paths } = (await (await fetch(`${gateway.url}/docs-json`)).json()) as { components: unknown; paths: Record<string, unknown> };
    const create = JSON.stringify(paths['/v1/vaults/{vault_id}/credentials']);
    for (const field of ['token', 'access_token', 'refresh_token', 'client_secret', 'secret_value']) {
      expect(create, field).toMatch(new RegExp(`"${field}":\\{[^}]*"writeOnly":true`));
    }
    const answered = JSON.stringify((components as { schemas: Record<string, unknown> }).schemas['VaultCredential']);
    expect(answered).not.toMatch(/"(token|access_token|refresh_token|client_secret|secret_value)":/);
  });
});
