import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { openTls } from './tunnel-client.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let egress: TestEgress;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'other.test'], echo);
  egress = await startTestEgress({ extraCa: upstream.ca });
});
afterAll(async () => {
  await egress?.stop();
  upstream?.close();
});

const at = (host: string) => `https://${host}:${upstream.port}/`;
const limitedTo = (...hosts: string[]) => ({ type: 'limited', allowed_hosts: hosts });
const change = async ({ sessionId }: TestSandbox, networking: unknown) => {
  const { status, body } = await egress.rondo.request('POST', `/v1/sessions/${sessionId}`, { networking });
  expect(status, JSON.stringify(body)).toBe(200);
  await egress.toldOfChanges();
};
const reaches = async (sandbox: TestSandbox, host: string) => (await sandbox.curl(at(host))).code === 0;

/** Status of one request on a connection that stays open. */
async function statusOn(connection: TLSSocket): Promise<number> {
  connection.write(`GET / HTTP/1.1\r\nHost: api.test:${upstream.port}\r\n\r\n`);
  // Before it there may be the rest of an earlier answer.
  for (;;) {
    const [piece] = (await once(connection, 'data')) as [Buffer];
    const [, status] = /^HTTP\/1\.1 (\d+)/m.exec(piece.toString()) ?? [];
    if (status !== undefined) return Number(status);
  }
}

it("a session's own policy replaces that of its environment, whether it is narrower or wider", async () => {
  const narrower = await egress.sandbox({ networking: { type: 'unrestricted' }, ownNetworking: limitedTo('api.test') });
  expect(await reaches(narrower, 'api.test')).toBe(true);
  expect(await reaches(narrower, 'other.test')).toBe(false);
  expect(await narrower.audit(2)).toMatchObject([{ rule: 'allowed_hosts api.test' }, { rule: 'host is not allowed' }]);
  const wider = await egress.sandbox({ networking: limitedTo('api.test'), ownNetworking: { type: 'unrestricted' } });
  expect(await reaches(wider, 'other.test')).toBe(true);
});

it('a change holds for the next request of a sandbox that runs', async () => {
  const sandbox = await egress.sandbox({ networking: limitedTo('api.test') });
  expect(await reaches(sandbox, 'api.test')).toBe(true);
  await change(sandbox, limitedTo('other.test'));
  expect(await reaches(sandbox, 'api.test')).toBe(false);
  expect(await reaches(sandbox, 'other.test')).toBe(true);
  // The environment's own changes mean nothing to it meanwhile.
  const changed = await egress.rondo.request('POST', `/v1/environments/${sandbox.environmentId}`, {
    config: { type: 'cloud', networking: { type: 'unrestricted' } },
  });
  expect(changed.status).toBe(200);
  await egress.toldOfChanges();
  expect(await reaches(sandbox, 'api.test')).toBe(false);
  await change(sandbox, null);
  expect(await reaches(sandbox, 'api.test')).toBe(true);
});

it('a change also holds on a connection that is open', async () => {
  const sandbox = await egress.sandbox();
  const connection = await openTls(sandbox, `api.test:${upstream.port}`);
  expect(await statusOn(connection)).toBe(200);
  await change(sandbox, limitedTo('other.test'));
  expect(await statusOn(connection)).toBe(403);
  connection.destroy();
});

it('people are asked as the policy of the session says', async () => {
  const sandbox = await egress.sandbox({ networking: limitedTo(), ownNetworking: { ...limitedTo(), unknown_hosts: 'ask', ask_timeout: 1 } });
  expect((await sandbox.curl('-w', '%{http_code}', at('api.test'))).stdout).toContain('Nobody has said in time');
  const { body } = await egress.rondo.request('GET', `/v1/sessions/${sandbox.sessionId}/events?types[]=rondo.network_confirmation_required`);
  expect(body.data).toMatchObject([{ host: 'api.test' }]);
});
