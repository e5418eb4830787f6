import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../../apps/gateway/gateway.js';
import { selectBlobs } from '../../infra/blobs/select-blobs.js';
import { loadConfig } from '../../infra/config/config.js';
import { ensureApiKey } from '../../infra/postgres/api-keys.repo.js';
import { createListener } from '../../infra/postgres/listener.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createSessionClient } from '../../infra/temporal/session-client.js';
import { sessionSettings } from '../../infra/temporal/session-settings.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { aKey, aSecretBox } from '../support/encryption.js';
import { startProgram } from '../support/program.js';
import { KEY, MODEL } from './gateway.fixture.js';

/** An address where nobody listens. */
async function nobody(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('while the database is away', () => {
  it('every request is a clear 503 that may be repeated, and the gateway still ends cleanly', async () => {
    const url = `postgres://rondo_app:secret-password@127.0.0.1:${await nobody()}/none`;
    const log = pino({ level: 'silent' });
    const config = loadConfig({ RONDO_PORT: '0', RONDO_REHEARSAL_URL: 'http://127.0.0.1:9' });
    const pool = createPool({ url, size: 2, name: 'gateway-test', log });
    const listener = createListener({ url, channels: [CHANNELS.events, CHANNELS.deltas, CHANNELS.work, CHANNELS.workspace], log });
    const sessionClient = createSessionClient({
      address: `127.0.0.1:${await nobody()}`,
      namespace: 'rondo',
      taskQueue: 'rondo',
      settings: sessionSettings(config),
      log,
    });
    const listening = listener.start();
    const gateway = await startGateway({
      config,
      pool,
      listener,
      sessionClient,
      blobs: selectBlobs(config),
      secretBox: aSecretBox(),
      redact: (text) => text,
      log,
    });
    try {
      for (const path of ['/v1/sessions', '/v1/agents', '/v1/sessions/sesn_01KAN0000000000000000000AA/events/stream']) {
        const response = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
        expect(response.status).toBe(503);
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
        const text = await response.text();
        expect(JSON.parse(text)).toMatchObject({ type: 'error', error: { type: 'api_error', message: expect.stringContaining('can be repeated') } });
        expect(text).not.toContain('secret-password');
      }
      expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
      const readiness = await fetch(`${gateway.url}/readyz`);
      expect(readiness.status).toBe(503);
      expect(await readiness.json()).toMatchObject({ checks: { postgres: { state: 'missing' } } });
    } finally {
      await gateway.close();
      await listener.close();
      await listening;
      await sessionClient.close();
      await pool.end();
    }
  });
});

describe('the gateway as a process', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase();
    await ensureApiKey(database.ownerUrl, { key: KEY, workspaceName: 'default' });
  });
  afterAll(async () => {
    await database?.drop();
  });

  it('ends its open streams at SIGTERM, answers what it owes, and says that it ended', async () => {
    const environment = {
      RONDO_PORT: '0',
      RONDO_APP_DATABASE_URL: database.appUrl,
      TEMPORAL_ADDRESS: `127.0.0.1:${await nobody()}`,
      RONDO_REHEARSAL_URL: 'http://127.0.0.1:9',
      RONDO_ENCRYPTION_KEY: aKey(),
    };
    const program = await startProgram('gateway', environment, /"url":"http/);
    const url = /"url":"(http[^"]+)"/.exec(program.output())?.[1];
    const post = (body: unknown) =>
      fetch(`${url}/v1/invoke`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const stream = await post({ model: MODEL, input: 'x', mode: 'stream' });
    const waiting = post({ model: MODEL, input: 'x', mode: 'wait' });
    // The first event of the second invocation shows that it is accepted; its answer is still owed.
    await expect
      .poll(async () => ((await (await fetch(`${url}/v1/sessions`, { headers: { 'x-api-key': KEY } })).json()) as { data: unknown[] }).data.length, {
        timeout: 30_000,
      })
      .toBe(2);
    await program.stop();
    expect(await stream.text()).toMatch(/^(event: ping\ndata: .*\n\n)*$/);
    expect((await waiting).status).toBe(202);
    expect(program.output()).toContain('gateway ended');
  });

  it('says what is missing in its configuration, and does not start', async () => {
    const start = (environment: Record<string, string>) => startProgram('gateway', { RONDO_PORT: '0', ...environment }, /"url":"http/);
    await expect(start({ RONDO_ENCRYPTION_KEY: aKey() })).rejects.toThrow(/code 78[\s\S]*RONDO_APP_DATABASE_URL/);
    await expect(start({})).rejects.toThrow(/code 78[\s\S]*RONDO_ENCRYPTION_KEY is not set/);
    await expect(start({ RONDO_ENCRYPTION_KEY: 'short' })).rejects.toThrow(/code 78[\s\S]*RONDO_ENCRYPTION_KEY does not hold a usable key/);
  });
});
