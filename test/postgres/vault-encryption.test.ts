import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { archiveCredential, insertCredential, type NewCredential } from '../../infra/postgres/credentials.repo.js';
import { createPool, type Pool } from '../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import { insertVault } from '../../infra/postgres/vaults.repo.js';
import type { Keyring } from '../../infra/vault/keyring.js';
import { rewrapSecrets } from '../../infra/vault/rewrap-secrets.js';
import { createSessionCredentials } from '../../infra/vault/session-credentials.js';
import { mcpServerKey } from '../../workflows/contract/mcp-server-key.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { aKey, aKeyring, aSecretBox } from '../support/encryption.js';

const [OLD, NEW] = [aKey(), aKey()];
const keyring = aKeyring(OLD);
const secretBox = aSecretBox(keyring);
const log = pino({ level: 'silent' });

let database: TestDatabase;
let pool: Pool;
let owner: pg.Client;
let workspaceId: string;
let otherWorkspaceId: string;

beforeAll(async () => {
  database = await createDatabase();
  ({ workspaceId } = await ensureApiKey(database.ownerUrl, { key: 'key-of-the-first-workspace', workspaceName: 'first' }));
  ({ workspaceId: otherWorkspaceId } = await ensureApiKey(database.ownerUrl, { key: 'key-of-the-other-workspace', workspaceName: 'other' }));
  pool = createPool({ url: database.appUrl, size: 8, name: 'vault-test', log });
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await pool?.end();
  await database?.drop();
});

const inWorkspace = <T>(work: (tx: Transaction) => Promise<T>, workspace = workspaceId): Promise<T> => transaction(pool, workspace, work);
const aVault = async (workspace = workspaceId) => (await inWorkspace((tx) => insertVault(tx, { displayName: 'v', metadata: {} }), workspace)).id;

/** A credential for an MCP server, sealed as the gateway does it. */
async function add(vaultId: string, url: string, token: string, more: Partial<NewCredential> = {}, workspace = workspaceId): Promise<string> {
  const id = newId('credential');
  const sealed = { secret: secretBox.seal(token, { workspaceId: workspace, purpose: 'credential.secret', id }) };
  const auth = { type: 'static_bearer', mcp_server_url: url } as const;
  const credential = { id, vaultId, displayName: null, metadata: {}, auth, target: mcpServerKey(url), expiresAt: null, sealed, ...more };
  await inWorkspace((tx) => insertCredential(tx, credential), workspace);
  return id;
}

const aUrl = () => `https://mcp-${randomBytes(4).toString('hex')}.example.com/sse`;
const withKeys = (ring: Keyring) => createSessionCredentials({ pool, secretBox: aSecretBox(ring) });
const bearer = async (url: string, vaultIds: readonly string[], { ring = keyring, workspace = workspaceId } = {}) =>
  (await withKeys(ring).findBearer({ workspaceId: workspace, vaultIds, url }))?.token.reveal();

describe('the token for an MCP server', () => {
  it('is found by the address in whatever spelling, and not for another address', async () => {
    const vault = await aVault();
    await add(vault, 'https://spelled.example.com/sse', 'token-of-spelled');
    for (const url of ['https://spelled.example.com/sse', 'https://SPELLED.example.com:443/sse/', 'https://spelled.example.com/sse?session=1']) {
      expect(await bearer(url, [vault]), url).toBe('token-of-spelled');
    }
    for (const url of ['http://spelled.example.com/sse', 'https://spelled.example.com:8443/sse', 'https://spelled.example.com/other']) {
      expect(await bearer(url, [vault]), url).toBeUndefined();
    }
  });

  it("is the first vault's in the session's order", async () => {
    const [url, first, second] = [aUrl(), await aVault(), await aVault()];
    await add(first, url, 'token-of-first');
    await add(second, url, 'token-of-second');
    expect(await bearer(url, [first, second])).toBe('token-of-first');
    expect(await bearer(url, [second, first])).toBe('token-of-second');
    expect(await bearer(url, [newId('vault'), second])).toBe('token-of-second');
    expect(await bearer(url, [])).toBeUndefined();
  });

  it('is an OAuth access token too, until it expires', async () => {
    const [url, vault] = [aUrl(), await aVault()];
    const auth = { type: 'mcp_oauth', mcp_server_url: url, refresh: null } as const;
    const id = await add(vault, url, 'access-token', { auth, expiresAt: new Date(Date.now() + 60_000) });
    expect(await bearer(url, [vault])).toBe('access-token');
    await owner.query(`update vault_credentials set expires_at = now() - interval '1 second' where id = $1`, [id]);
    expect(await bearer(url, [vault])).toBeUndefined();
  });

  it('is gone once its credential is archived', async () => {
    const [url, vault] = [aUrl(), await aVault()];
    const id = await add(vault, url, 'archived-token');
    await inWorkspace((tx) => archiveCredential(tx, id));
    expect(await bearer(url, [vault])).toBeUndefined();
  });

  it("is not found through another workspace's session that names the vault", async () => {
    const [url, vault] = [aUrl(), await aVault()];
    await add(vault, url, 'token-of-first-workspace');
    expect(await bearer(url, [vault], { workspace: otherWorkspaceId })).toBeUndefined();
  });
});

describe('the variables of a session', () => {
  const variable = (name: string): Partial<NewCredential> => ({
    target: name,
    auth: {
      type: 'environment_variable',
      secret_name: name,
      networking: { type: 'limited', allowed_hosts: ['api.example.com'] },
      injection_location: { header: true, body: false },
    },
  });

  it('are each name once, of the first vault, unopened until somebody asks', async () => {
    const [first, second] = [await aVault(), await aVault()];
    await add(first, aUrl(), 'value-of-first', variable('TOKEN'));
    await add(second, aUrl(), 'value-of-second', variable('TOKEN'));
    await add(second, aUrl(), 'another-value', variable('ANOTHER'));
    await add(second, aUrl(), 'no-variable');
    const listed = await withKeys(keyring).listEnvironmentCredentials({ workspaceId, vaultIds: [first, second] });
    expect(listed.map(({ name, vaultId }) => [name, vaultId]).sort()).toEqual([
      ['ANOTHER', second],
      ['TOKEN', first],
    ]);
    expect(JSON.stringify(listed)).not.toContain('value');
    const token = listed.find(({ name }) => name === 'TOKEN');
    expect(token).toMatchObject({ networking: { type: 'limited', allowed_hosts: ['api.example.com'] }, injectionLocation: { header: true, body: false } });
    expect(token?.open().reveal()).toBe('value-of-first');
  });
});

describe('a database in the wrong hands', () => {
  it('does not open a secret that was moved to another row, vault or workspace', async () => {
    const [vault, otherVault] = [await aVault(), await aVault(otherWorkspaceId)];
    const [url, otherUrl] = [aUrl(), aUrl()];
    const victim = await add(vault, url, 'token-of-the-victim');
    const sameWorkspace = await add(vault, otherUrl, 'token-of-the-thief');
    const otherWorkspace = await add(otherVault, otherUrl, 'token-of-the-thief', {}, otherWorkspaceId);
    for (const thief of [sameWorkspace, otherWorkspace]) {
      await owner.query('update vault_credentials set secret = (select secret from vault_credentials where id = $1) where id = $2', [victim, thief]);
    }
    await expect(bearer(otherUrl, [vault])).rejects.toMatchObject({ code: 'secret.unreadable' });
    await expect(bearer(otherUrl, [otherVault], { workspace: otherWorkspaceId })).rejects.toMatchObject({ code: 'secret.unreadable' });
    expect(await bearer(url, [vault])).toBe('token-of-the-victim');
    // A row that is given away as a whole, its id with it, is bound to the workspace it came from.
    await owner.query('update vault_credentials set workspace_id = $1, vault_id = $2 where id = $3', [otherWorkspaceId, otherVault, victim]);
    await expect(bearer(url, [otherVault], { workspace: otherWorkspaceId })).rejects.toMatchObject({ code: 'secret.unreadable' });
  });

  it('does not open a secret that was changed', async () => {
    const [vault, url] = [await aVault(), aUrl()];
    const id = await add(vault, url, 'token-to-change');
    await owner.query('update vault_credentials set secret = set_byte(secret, length(secret) - 1, get_byte(secret, length(secret) - 1) # 1) where id = $1', [
      id,
    ]);
    const failure = await bearer(url, [vault]).catch((error: Error) => error.message);
    expect(failure).toMatch(new RegExp(`^The credential.secret of ${id} cannot be opened: it was changed`));
  });

  it('shows no secret in a dump, and an archived credential has none', async () => {
    const [vault, url] = [await aVault(), aUrl()];
    const token = `dumped-${randomBytes(16).toString('hex')}`;
    const id = await add(vault, url, token);
    const dump = async () => (await owner.query<{ row: string }>('select t::text as row from vault_credentials t where id = $1', [id])).rows[0]?.row ?? '';
    const bytes = Buffer.from(/\\x([0-9a-f]+)/.exec(await dump())?.[1] ?? '', 'hex');
    expect(bytes.length).toBeGreaterThan(90);
    for (const text of [await dump(), bytes.toString('latin1')]) expect(text).not.toContain(token);
    const archive = inWorkspace((tx) => tx.query('update vault_credentials set archived_at = now() where id = $1', [id]));
    await expect(archive).rejects.toMatchObject({ constraint: 'archived_credentials_hold_no_secret' });
  });
});

describe('a new key', () => {
  const bothKeys = aKeyring(NEW, OLD);
  const newOnly = aKeyring(NEW);

  it('takes over every secret of every workspace while they are in use; what cannot be opened is named and stays', async () => {
    const [vault, otherVault, url] = [await aVault(), await aVault(otherWorkspaceId), aUrl()];
    await owner.query('delete from vault_credentials');
    for (let index = 0; index < 15; index += 1) await add(vault, `${url}/${index}`, `token-${index}`);
    await add(otherVault, url, 'token-of-other', {}, otherWorkspaceId);
    const broken = await add(vault, url, 'broken');
    await owner.query('update vault_credentials set secret = set_byte(secret, 20, get_byte(secret, 20) # 1) where id = $1', [broken]);

    await expect(bearer(`${url}/0`, [vault], { ring: newOnly })).rejects.toMatchObject({ code: 'secret.unreadable' });
    const [result, ...read] = await Promise.all([
      rewrapSecrets({ pool, keyring: bothKeys, secretBox: aSecretBox(bothKeys) }),
      ...Array.from({ length: 15 }, (_, index) => bearer(`${url}/${index}`, [vault], { ring: bothKeys })),
    ]);
    expect(read).toEqual(Array.from({ length: 15 }, (_, index) => `token-${index}`));
    expect(result).toEqual({ rewrapped: 16, unreadable: [expect.stringContaining(broken)] });
    for (const ring of [newOnly, bothKeys]) {
      for (let index = 0; index < 15; index += 1) expect(await bearer(`${url}/${index}`, [vault], { ring })).toBe(`token-${index}`);
      expect(await bearer(url, [otherVault], { ring, workspace: otherWorkspaceId })).toBe('token-of-other');
    }
    expect(await rewrapSecrets({ pool, keyring: bothKeys, secretBox: aSecretBox(bothKeys) })).toMatchObject({ rewrapped: 0 });
    await owner.query('delete from vault_credentials where id = $1', [broken]);
  });

  it('is brought in by a program in the environment of a gateway, which says what it did and ends with 1 while an old key is still needed', async () => {
    const [vault, url] = [await aVault(), aUrl()];
    await owner.query('delete from vault_credentials');
    await add(vault, url, 'token-by-program');
    const run = async (keys: string) => {
      const environment = { PATH: process.env['PATH'], RONDO_APP_DATABASE_URL: database.appUrl, RONDO_ENCRYPTION_KEY: keys };
      const child = promisify(execFile)(process.execPath, ['dist/infra/deploy/rewrap-secrets.js'], { env: environment });
      return child.then(
        ({ stdout }) => ({ code: 0, text: stdout }),
        (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, text: `${error.stderr}${error.stdout}` }),
      );
    };
    expect(await run(NEW)).toEqual({
      code: 1,
      text: expect.stringMatching(/cannot be opened: it was sealed under the key [0-9a-f]{16}[\s\S]*0 secrets.*1 could not/),
    });
    expect(await run(`${NEW},${OLD}`)).toEqual({ code: 0, text: expect.stringContaining('1 secrets are under the newest key now; 0 could not be opened.') });
    expect(await bearer(url, [vault], { ring: newOnly })).toBe('token-by-program');
  });
});
