import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { openTls } from './tunnel-client.js';
import { type Handler, startTlsUpstream, type TestUpstream } from './upstream.js';

const CANARY = `canary-${randomBytes(8).toString('hex')}"&+ü`;
const HEADER_ONLY = `header-${randomBytes(8).toString('hex')}`;
const TOKEN = `token-${randomBytes(8).toString('hex')}`;

/** Answers every header and the body as they came, under a status and headers of its own; compressed at /gzip whatever was asked for. */
const reflect: Handler = (request, response) => {
  void text(request).then((body) => {
    const answer = Buffer.from(JSON.stringify({ headers: request.headers, body }));
    const compressed = request.url === '/gzip';
    (response as ServerResponse)
      .writeHead(200, { 'x-echo': String(request.headers['x-api-key'] ?? ''), ...(compressed ? { 'content-encoding': 'gzip' } : {}) })
      .end(compressed ? gzipSync(answer) : answer);
    received.push({ headers: request.headers, body });
  });
};
const received: { headers: Record<string, unknown>; body: string }[] = [];
const last = () => received.at(-1) ?? { headers: {}, body: '' };

let upstream: TestUpstream;
let egress: TestEgress;
let sandbox: TestSandbox;
let placeholder: string;
let headerPlaceholder: string;
let credentialId: string;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'other.test'], reflect);
  egress = await startTestEgress({ extraCa: upstream.ca });
  const sdk = egress.rondo.sdk();
  const vault = await sdk.beta.vaults.create({ display_name: 'v' });
  const networking: { type: 'limited'; allowed_hosts: string[] } = { type: 'limited', allowed_hosts: ['api.test'] };
  const both = await sdk.beta.vaults.credentials.create(vault.id, {
    auth: { type: 'environment_variable', secret_name: 'CANARY', secret_value: CANARY, networking },
  });
  const one = await sdk.beta.vaults.credentials.create(vault.id, {
    auth: {
      type: 'environment_variable',
      secret_name: 'HEADER_ONLY',
      secret_value: HEADER_ONLY,
      networking,
      injection_location: { header: true, body: false },
    },
  });
  credentialId = both.id;
  sandbox = await egress.sandbox({
    vaultIds: [vault.id],
    resources: [{ type: 'github_repository', url: 'https://api.test/owner/repo', authorization_token: TOKEN }],
  });
  placeholder = egress.placeholders.of(sandbox.sessionId, both.id);
  headerPlaceholder = egress.placeholders.of(sandbox.sessionId, one.id);
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
});
const at = (path: string, host = 'api.test') => `https://${host}:${upstream.port}${path}`;
const utf8 = (value: unknown) => Buffer.from(String(value), 'latin1').toString('utf8');

describe('a placeholder', () => {
  it('becomes its secret in a header, and the answer shows the placeholder again', async () => {
    const answer = await sandbox.curl('-i', '--compressed', '-r', '0-9', '-H', `X-Api-Key: ${placeholder}`, at('/'));
    expect(utf8(last().headers['x-api-key'])).toBe(CANARY);
    expect(last().headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(last().headers).not.toHaveProperty('range');
    expect(answer.stdout).toContain(`x-echo: ${placeholder}`);
    expect(answer.stdout).not.toContain('canary-');
    const line = (await sandbox.audit()).at(-1);
    expect(line).toMatchObject({ credential_ids: [credentialId], decision: 'allow' });
  });

  it('becomes its secret in basic authentication', async () => {
    const answer = await sandbox.curl('-u', `user:${placeholder}`, at('/'));
    expect(Buffer.from(String(last().headers['authorization']).slice(6), 'base64').toString()).toBe(`user:${CANARY}`);
    expect(answer.stdout).not.toContain('canary-');
    expect(answer.stdout).not.toContain(Buffer.from(`user:${CANARY}`).toString('base64'));
  });

  it('becomes its secret in a body, written as the type of the body wants it', async () => {
    await sandbox.curl('-H', 'content-type: application/json', '-d', JSON.stringify({ key: placeholder }), at('/'));
    expect(JSON.parse(last().body)).toEqual({ key: CANARY });
    await sandbox.curl('-d', `a=1&key=${placeholder}&b=2`, at('/'));
    expect(Object.fromEntries(new URLSearchParams(last().body))).toEqual({ a: '1', key: CANARY, b: '2' });
    expect(last().headers['content-length']).toBe(String(Buffer.byteLength(last().body)));
  });

  it('becomes its secret in a streamed body wherever it is cut', async () => {
    const secure = await openTls(sandbox, `api.test:${upstream.port}`);
    let answers = '';
    secure.on('data', (chunk: Buffer) => {
      answers += chunk.toString();
    });
    const bodiesIn = (text: string) => text.split('"body":').length - 1;
    let asked = 0;
    for (let cut = 0; cut <= placeholder.length; cut += 4) {
      secure.write(`POST / HTTP/1.1\r\nHost: api.test:${upstream.port}\r\nTransfer-Encoding: chunked\r\n\r\n`);
      for (const part of [`<${placeholder.slice(0, cut)}`, `${placeholder.slice(cut)}>`]) {
        const before = secure.bytesWritten;
        secure.write(`${part.length.toString(16)}\r\n${part}\r\n`);
        expect(secure.bytesWritten).toBeGreaterThan(before);
        await new Promise((resolve) => setImmediate(resolve));
      }
      secure.write('0\r\n\r\n');
      asked += 1;
      // An answer comes in as many pieces as it likes.
      await waitFor('the answer', () => bodiesIn(answers) === asked);
      expect(answers).not.toContain('canary-');
      expect(last().body, `cut at ${cut}`).toBe(`<${CANARY}>`);
    }
    secure.destroy();
  });

  it('stays what it is toward other hosts, without TLS, in the address, and where it may not be put in', async () => {
    await sandbox.curl('-H', `X-Api-Key: ${placeholder}`, at('/', 'other.test'));
    expect(last().headers['x-api-key']).toBe(placeholder);
    await sandbox.curl(at(`/?key=${placeholder}`));
    expect(upstream.seen.at(-1)?.url).toBe(`/?key=${placeholder}`);
    await sandbox.curl('-H', `X-Api-Key: ${headerPlaceholder}`, '-d', `<${headerPlaceholder}>`, at('/'));
    expect(last()).toMatchObject({ body: `<${headerPlaceholder}>` });
    expect(last().headers['x-api-key']).toBe(HEADER_ONLY);
  });

  it('of another session is only text', async () => {
    const stranger = await egress.sandbox();
    await stranger.curl('-H', `X-Api-Key: ${placeholder}`, at('/'));
    expect(last().headers['x-api-key']).toBe(placeholder);
  });
});

it('an answer that is compressed although nobody asked is unpacked, so that nothing hides in it', async () => {
  const answer = await sandbox.curl('-i', '-H', `X-Api-Key: ${placeholder}`, at('/gzip'));
  expect(answer.stdout).toContain(placeholder);
  expect(answer.stdout).not.toMatch(/canary-|content-encoding/);
});

it('a request without a placeholder passes as it is, and its answer too', async () => {
  await sandbox.curl('--compressed', '-r', '0-9', at('/'));
  expect(last().headers['accept-encoding']).toContain('gzip');
  expect(last().headers['range']).toBe('bytes=0-9');
});

it('a secret with line breaks is refused in a header, where it would become headers of its own', async () => {
  const sdk = egress.rondo.sdk();
  const vault = await sdk.beta.vaults.create({ display_name: 'lines' });
  const credential = await sdk.beta.vaults.credentials.create(vault.id, {
    auth: { type: 'environment_variable', secret_name: 'LINES', secret_value: 'first-line\r\nX-Injected: 1', networking: { type: 'unrestricted' } },
  });
  const own = await egress.sandbox({ vaultIds: [vault.id] });
  const before = received.length;
  const answer = await own.curl('-H', `X-Api-Key: ${egress.placeholders.of(own.sessionId, credential.id)}`, at('/'));
  expect(answer.stdout).toContain('has line breaks');
  expect(answer.stdout).not.toContain('first-line');
  expect(received.length).toBe(before);
});

it('an archived credential is no longer put in', async () => {
  const sdk = egress.rondo.sdk();
  const vault = await sdk.beta.vaults.create({ display_name: 'w' });
  const credential = await sdk.beta.vaults.credentials.create(vault.id, {
    auth: { type: 'environment_variable', secret_name: 'GONE', secret_value: 'gone-gone-gone', networking: { type: 'unrestricted' } },
  });
  const own = await egress.sandbox({ vaultIds: [vault.id] });
  const text = egress.placeholders.of(own.sessionId, credential.id);
  await own.curl('-H', `X-Api-Key: ${text}`, at('/'));
  expect(last().headers['x-api-key']).toBe('gone-gone-gone');
  await sdk.beta.vaults.credentials.archive(credential.id, { vault_id: vault.id });
  await egress.toldOfChanges();
  await own.curl('-H', `X-Api-Key: ${text}`, at('/'));
  expect(last().headers['x-api-key']).toBe(text);
});

describe('the token of a repository', () => {
  const basic = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
  // The repository was attached with the default port, which is the one the token goes to; see repositoryPlace.
  it('goes to its host, port and path only', async () => {
    const place = await egress.sandbox({ resources: [{ type: 'github_repository', url: at('/owner/repo'), authorization_token: TOKEN }] });
    for (const path of ['/owner/repo.git/info/refs?service=git-upload-pack', '/owner/repo/git-upload-pack', '/owner/repo']) {
      const answer = await place.curl(at(path));
      expect(last().headers['authorization'], path).toBe(basic);
      expect(answer.stdout).not.toContain(TOKEN);
      expect(answer.stdout).not.toContain(basic);
    }
    for (const path of ['/owner/repository', '/owner', '/owner/repo.gitx/info', '/other/repo']) {
      await place.curl('--path-as-is', at(path));
      expect(last().headers['authorization'], path).toBeUndefined();
    }
    for (const path of ['/owner/repo/../other', '/owner/repo/%2e%2e/other', '/owner/repo//..//x', '/owner/repo/..%2fx']) {
      await place.curl('--path-as-is', at(path));
      expect(last().headers['authorization'], path).toBeUndefined();
    }
    await place.curl(at('/owner/repo.git/info/refs', 'other.test'));
    expect(last().headers['authorization']).toBeUndefined();
    await place.curl('-u', 'me:mine', at('/owner/repo.git/info/refs'));
    expect(last().headers['authorization']).toBe(`Basic ${Buffer.from('me:mine').toString('base64')}`);
  });
});

it('nothing in the database, but the ciphertext, holds a secret', async () => {
  // Lines are written a little later.
  const rows = await waitFor('lines of the audit', async () => {
    const found = await egress.owner.query('select row_to_json(r)::text as line from egress_requests r');
    return found.rows.length > 5 ? found.rows : undefined;
  });
  for (const { line } of rows) expect(line).not.toMatch(/canary-|token-|header-/);
});
