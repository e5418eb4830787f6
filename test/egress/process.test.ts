import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serveEgressBridge } from '../../apps/supervisor/egress-bridge.js';
import { deriveAppUrl } from '../../infra/postgres/migrate.js';
import { MODEL, startTestGateway, type TestGateway } from '../gateway/gateway.fixture.js';
import { aKey } from '../support/encryption.js';
import { type Program, startProgram } from '../support/program.js';
import { waitFor } from '../support/wait-for.js';
import { control, type TestSandbox, testSandbox } from './egress.fixture.js';
import { openTls, openTunnel } from './tunnel-client.js';
import { echo, type Handler, startTlsUpstream, type TestUpstream } from './upstream.js';

const SIZE = 200 * 1_024 * 1_024;
const block = Buffer.alloc(65_536, 'abcdefghijklmno\n');

/** A long answer at /down, at the reader's pace; the echo elsewhere. */
const upOrDown: Handler = (request, response) => {
  if (request.url !== '/down') return echo(request, response);
  let left = SIZE;
  const more = () => {
    while (left > 0) {
      left -= block.length;
      if (!(response as unknown as NodeJS.WritableStream).write(block)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
};

let upstream: TestUpstream;
let rondo: TestGateway;
let home: string;
let environment: Record<string, string>;
let program: Program;
let owner: pg.Client;
const bridges: { close(): void }[] = [];
const socket = () => join(home, 'egress', 'control.sock');

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'rondo-egress-process-'));
  upstream = await startTlsUpstream(['localhost'], upOrDown);
  writeFileSync(join(home, 'upstream-ca.pem'), upstream.ca);
  rondo = await startTestGateway();
  owner = new pg.Client({ connectionString: rondo.ownerUrl });
  // The database is dropped under it at the end.
  owner.on('error', () => undefined);
  await owner.connect();
  environment = {
    RONDO_HOME: home,
    RONDO_APP_DATABASE_URL: deriveAppUrl(rondo.ownerUrl),
    RONDO_ENCRYPTION_KEY: aKey(),
    RONDO_ALLOW_PRIVATE: `127.0.0.1:${upstream.port},[::1]:${upstream.port}`,
    RONDO_EGRESS_UPSTREAM_CA: join(home, 'upstream-ca.pem'),
  };
  program = await startProgram('egress', environment, /egress gateway started/);
});
afterAll(async () => {
  for (const bridge of bridges) bridge.close();
  await program.kill();
  upstream.close();
  await owner.end();
  await rondo.stop();
  rmSync(home, { recursive: true, force: true });
});

const at = (path: string) => `https://localhost:${upstream.port}${path}`;
const open = (sessionId: string, generation: number) => control(socket(), 'PUT', `/sandboxes/${sessionId}/${generation}`, { workspace_id: rondo.workspaceId });

async function aSandbox(): Promise<TestSandbox> {
  const agent = await rondo.request('POST', '/v1/agents', { name: 'a', model: MODEL });
  const cloud = await rondo.request('POST', '/v1/environments', { name: `e-${Math.random()}` });
  const session = await rondo.request('POST', '/v1/sessions', { agent: agent.body.id, environment_id: cloud.body.id });
  const { body } = await open(session.body.id, 1);
  return through(session.body.id, body.folder);
}

async function through(sessionId: string, folder: string): Promise<TestSandbox> {
  const bridge = await serveEgressBridge({ port: 0, socketPath: join(folder, 'egress.sock') });
  bridges.push(bridge);
  const sandbox = testSandbox({ sessionId, environmentId: '', folder, port: bridge.port, owner });
  const curl: TestSandbox['curl'] = (...words) => sandbox.run('curl', ['-sS', '--max-time', '50', '--noproxy', 'none.invalid', ...words]);
  return { ...sandbox, curl };
}

const residentMb = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1_024;

it('keeps its key to itself, and shows its certificates to sandboxes', async () => {
  const sandbox = await aSandbox();
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect(modeOf(join(home, 'egress', 'ca-key.pem'))).toBe('600');
  expect(modeOf(socket())).toBe('600');
  expect(modeOf(join(home, 'egress', 'records'))).toBe('700');
  expect(modeOf(join(home, 'egress', 'sandboxes'))).toBe('700');
  expect(modeOf(sandbox.folder)).toBe('755');
  expect(modeOf(join(sandbox.folder, 'egress.sock'))).toBe('666');
  expect(modeOf(join(sandbox.folder, 'ca-bundle.pem'))).toBe('644');
  expect(readFileSync(join(sandbox.folder, 'ca-bundle.pem'), 'utf8')).not.toContain('PRIVATE');
});

it.each(['--http1.1', '--http2'])('carries 200 MB each way without holding them (%s)', async (version) => {
  const sandbox = await aSandbox();
  const hash = createHash('sha256');
  for (let sent = 0; sent < SIZE; sent += block.length) hash.update(block);
  const sha256 = hash.digest('hex');
  const down = await sandbox.run('sh', ['-c', `curl -sS --noproxy none.invalid ${version} ${at('/down')} | sha256sum`]);
  expect(down).toMatchObject({ stdout: `${sha256}  -\n`, stderr: '' });
  const up = await sandbox.run('sh', ['-c', `yes abcdefghijklmno | head -c ${SIZE} | curl -sS --noproxy none.invalid ${version} -T - ${at('/up')}`]);
  expect(JSON.parse(up.stdout)).toMatchObject({ bytes: SIZE, sha256 });
  const lines = await sandbox.audit(2);
  expect(lines.map(({ bytes_down: bytes }) => Number(bytes))[0]).toBe(SIZE);
  expect(lines.map(({ bytes_up: bytes }) => Number(bytes))[1]).toBe(SIZE);
  expect(residentMb()).toBeLessThan(350);
});

it('killed, it leaves nothing open; started again, it serves the same sandboxes through the same folders', async () => {
  const sandbox = await aSandbox();
  expect((await sandbox.curl(at('/before'))).code).toBe(0);
  const tunnel = await openTunnel(sandbox, `localhost:${upstream.port}`);
  const cut = once(tunnel.resume(), 'close');
  await program.kill();
  await cut;
  expect((await sandbox.curl(at('/while'))).stderr).toContain('503');
  const before = upstream.seen.length;
  program = await startProgram('egress', environment, /egress gateway started/);
  expect(upstream.seen.length).toBe(before);
  expect((await sandbox.curl(at('/after'))).stdout).toContain('"url":"/after"');
});

it('serves the newest sandbox of a session only', async () => {
  const first = await aSandbox();
  const { sessionId } = first;
  expect((await open(sessionId, 1)).status).toBe(200);
  const tunnel = await openTunnel(first, `localhost:${upstream.port}`);
  const cut = once(tunnel.resume(), 'close');
  const second = await open(sessionId, 2);
  expect(second.status).toBe(200);
  await cut;
  expect((await first.curl(at('/'))).stderr).toContain('503');
  expect((await open(sessionId, 1)).status).toBe(409);
  const sandbox = await through(sessionId, second.body.folder);
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  expect((await control(socket(), 'DELETE', `/sandboxes/${sessionId}/1`)).status).toBe(200);
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  expect((await control(socket(), 'DELETE', `/sandboxes/${sessionId}/2`)).status).toBe(200);
  expect((await sandbox.curl(at('/'))).stderr).toContain('503');
  expect((await open(sessionId, 2)).status).toBe(409);
  expect((await control(socket(), 'PUT', '/sandboxes/..%2f..%2fetc/1', { workspace_id: rondo.workspaceId })).status).toBe(404);
});

it('is told by its owner that there is one of it for a host', async () => {
  await expect(startProgram('egress', environment, /egress gateway started/)).rejects.toThrow('Another egress gateway');
  expect((await control(socket(), 'GET', '/healthz')).body).toEqual({ status: 'ok', sandboxes: expect.any(Number) });
});

const ROUNDS = 6;

it('holds little of fifty answers of 200 MB for readers that stand still, and lets go of all of it', async () => {
  const sandbox = await aSandbox();
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  const inMib = () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1]) / 1_024;
  const descriptors = () => readdirSync(`/proc/${program.pid}/fd`).length;
  const before = descriptors();
  // What a collector leaves lying varies from one round to the next; what is not let go of adds up over them.
  for (let round = 0; round < ROUNDS; round += 1) {
    const streams = await Promise.all(Array.from({ length: 50 }, () => openTls(sandbox, `localhost:${upstream.port}`)));
    for (const stream of streams) {
      stream.on('error', () => undefined);
      stream.write(`GET /down HTTP/1.1\r\nHost: localhost:${upstream.port}\r\n\r\n`);
    }
    await Promise.all(streams.map((stream) => once(stream, 'readable')));
    let most = 0;
    for (const until = Date.now() + 3_000; Date.now() < until; await delay(50)) most = Math.max(most, inMib());
    // Of the 10,000 MiB that wait, with everything else the process has.
    expect(most).toBeLessThan(400);
    for (const stream of streams) stream.destroy();
    await waitFor('the connections to be closed, at both sides', () => descriptors() <= before + 2);
  }
}, 240_000);

it('lets nothing pass while the database is away', async () => {
  const sandbox = await aSandbox();
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  const [, name = ''] = new URL(rondo.ownerUrl).pathname.split('/');
  const admin = new pg.Client({ connectionString: Object.assign(new URL(rondo.ownerUrl), { pathname: '/postgres' }).href });
  await admin.connect();
  await admin.query(`alter database ${name} allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  const before = upstream.seen.length;
  // What was known is forgotten within two seconds.
  await expect.poll(async () => (await sandbox.curl(at('/'))).stderr, { interval: 500 }).toContain('503');
  const during = upstream.seen.length;
  expect((await sandbox.curl(at('/'))).stderr).toContain('503');
  expect(upstream.seen.length).toBe(during);
  expect(during).toBeGreaterThanOrEqual(before);
  await admin.query(`alter database ${name} allow_connections true`);
  await admin.end();
  await expect.poll(async () => (await sandbox.curl(at('/'))).code, { interval: 500 }).toBe(0);
});
