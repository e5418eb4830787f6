import { createServer, type Server } from 'node:http';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAddressGuard } from '../../activities/web/address-guard.js';
import { createGuardedFetch } from '../../activities/web/guarded-fetch.js';
import { openServerTraffic } from '../../apps/worker/server-traffic.js';
import { loadConfig } from '../../infra/config/config.js';
import { createListener } from '../../infra/postgres/listener.js';
import { deriveAppUrl } from '../../infra/postgres/migrate.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { listenOnLoopback } from '../support/loopback-server.js';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';

const LIMIT = 5;
const log = pino({ level: 'silent' });
let site: Server;
let port = 0;
let egress: TestEgress;
let traffic: ReturnType<typeof openServerTraffic>;
let listener: ReturnType<typeof createListener>;

/** A gateway for sandboxes, and beside it what a worker asks with, over the same rows. */
beforeAll(async () => {
  site = createServer((_request, response) => response.end('page'));
  port = await listenOnLoopback(site);
  egress = await startTestEgress({ variables: { RONDO_EGRESS_REQUESTS: String(LIMIT) } });
  listener = createListener({ url: deriveAppUrl(egress.rondo.ownerUrl), channels: [CHANNELS.egress], log });
  await listener.start();
  traffic = openServerTraffic({ config: loadConfig({ RONDO_EGRESS_REQUESTS: String(LIMIT) }).egress, pool: egress.rondo.pool, listener, log });
});
afterAll(async () => {
  await traffic?.close();
  await listener?.close();
  await egress?.stop();
  site.close();
});

const guardedFetch = createGuardedFetch({
  guard: createAddressGuard({ allowPrivate: ['127.0.0.0/8'], resolver: async () => [{ address: '127.0.0.1' }] }),
  maxBytes: 10_000,
});
const at = (path = '/page', host = 'site.test') => `http://${host}:${port}${path}`;
const ask = async ({ sessionId }: TestSandbox, url = at(), callId = 'sevt_00000000AA') => {
  const { response } = await guardedFetch(url, { traffic: traffic.of({ sessionId, workspaceId: egress.rondo.workspaceId }, [callId]) });
  return response.text();
};
const change = (sandbox: TestSandbox, networking: Record<string, unknown>) =>
  egress.rondo.request('POST', `/v1/environments/${sandbox.environmentId}`, { config: { type: 'cloud', networking } });

it('follows its own domains where nothing else is said, in an environment that allows nothing', async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: [] } });
  expect(await ask(sandbox)).toBe('page');
  expect((await sandbox.curl(at())).stdout).toContain('does not allow');
  expect(await sandbox.audit(2)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        generation: null,
        tool_call_ids: ['sevt_00000000AA'],
        host: 'site.test',
        path: '/page',
        decision: 'allow',
        rule: 'server_tools own_domains',
        bytes_down: 4,
      }),
      expect.objectContaining({ generation: 1, decision: 'deny' }),
    ]),
  );
});

it('follows the environment where that says so, from the next request on', async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['other.test'], server_tools: 'follow_environment' } });
  await expect(ask(sandbox)).rejects.toMatchObject({ code: 'address.refused', message: expect.stringContaining('host is not allowed') });
  expect(await ask(sandbox, at('/page', 'other.test'))).toBe('page');
  const changed = await change(sandbox, { type: 'limited', allowed_hosts: [{ host: 'site.test', paths: ['/page'] }] });
  expect(changed.body.config.networking).toMatchObject({ server_tools: 'follow_environment' });
  expect(await ask(sandbox)).toBe('page');
  await expect(ask(sandbox, at('/other'))).rejects.toMatchObject({ code: 'address.refused' });
  expect((await change(sandbox, { type: 'limited', server_tools: 'own_domains' })).status).toBe(200);
  expect(await ask(sandbox, at('/other'))).toBe('page');
});

it("follows the session's own policy instead where there is one, from the next request on", async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'unrestricted' } });
  expect(await ask(sandbox)).toBe('page');
  const own = (networking: unknown) => egress.rondo.request('POST', `/v1/sessions/${sandbox.sessionId}`, { networking });
  expect((await own({ type: 'limited', allowed_hosts: ['other.test'], server_tools: 'follow_environment' })).status).toBe(200);
  await expect(ask(sandbox)).rejects.toMatchObject({ code: 'address.refused', message: expect.stringContaining('host is not allowed') });
  expect(await ask(sandbox, at('/page', 'other.test'))).toBe('page');
  expect((await own({ type: 'limited', allowed_hosts: ['other.test'] })).status).toBe(200);
  expect(await ask(sandbox)).toBe('page');
});

it('asks people about unknown hosts where the environment does, and holds no call of the sandbox for it', async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'limited', unknown_hosts: 'ask', server_tools: 'follow_environment' } });
  const pending = ask(sandbox);
  const question = await waitFor('a question', async () => {
    const { body } = await egress.rondo.request('GET', `/v1/sessions/${sandbox.sessionId}/events?types[]=rondo.network_confirmation_required`);
    return body.data[0];
  });
  expect(question).toMatchObject({ host: 'site.test', port, method: 'GET' });
  const { rows } = await egress.owner.query('select held from network_questions where id = $1', [question.id]);
  expect(rows).toEqual([{ held: false }]);
  const events = [{ type: 'user.tool_confirmation', tool_use_id: question.id, result: 'allow', scope: 'session' }];
  expect((await egress.rondo.request('POST', `/v1/sessions/${sandbox.sessionId}/events`, { events })).status).toBe(200);
  expect(await pending).toBe('page');
  expect(await ask(sandbox)).toBe('page');
  await egress.toldOfChanges();
  expect((await sandbox.curl(at())).stdout).toBe('page');
});

it('counts with the requests of the sandbox', async () => {
  const sandbox = await egress.sandbox();
  expect((await sandbox.curl(at())).stdout).toBe('page');
  await sandbox.audit(1);
  for (let used = 1; used < LIMIT; used += 1) expect(await ask(sandbox)).toBe('page');
  await sandbox.audit(LIMIT);
  await expect(ask(sandbox)).rejects.toMatchObject({ code: 'request.rate_limited' });
  const [total] = (
    await egress.owner.query('select sum(requests)::int as requests, sum(bytes)::int as bytes from egress_totals where session_id = $1', [sandbox.sessionId])
  ).rows;
  expect(total.requests).toBeGreaterThanOrEqual(LIMIT);
  // The gateway looks every few seconds what others have used.
  await waitFor('the sandbox is refused', async () => ((await sandbox.curl(at())).stdout.includes('network allowance') ? true : undefined), 20_000);
});

it('refuses what it does not know, by the name of the field', async () => {
  const answer = await egress.rondo.request('POST', '/v1/environments', {
    name: 'wrong',
    config: { type: 'cloud', networking: { type: 'unrestricted', server_tools: 'everything' } },
  });
  expect(answer.status).toBe(400);
  expect(answer.body.error.message).toContain('server_tools');
  expect(answer.body.error.message).toContain('"own_domains" or "follow_environment"');
});
