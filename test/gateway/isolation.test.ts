import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeWorker, reportWorker } from '../../infra/postgres/worker-status.repo.js';
import { MODEL, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MIN_ISOLATION: 'gvisor' });
});
afterAll(async () => {
  await gateway?.stop();
});

async function createSession(config: { readonly type: string } = { type: 'cloud' }) {
  const sdk = gateway.sdk();
  const agent = await sdk.beta.agents.create({ name: 'Isolated', model: MODEL });
  const { body: environment } = await gateway.request('POST', '/v1/environments', { name: `for ${agent.id}`, config });
  return gateway.request('POST', '/v1/sessions', { agent: agent.id, environment_id: environment.id });
}

it('refuses a session whose sandbox could only be weaker than demanded, and says what to install', async () => {
  expect(await createSession()).toMatchObject({ status: 200 });
  await reportWorker(gateway.pool, { id: 'a', engine: 'docker', runtime: 'runc', isolation: 'container' });
  await reportWorker(gateway.pool, { id: 'b', engine: null, runtime: null, isolation: null });
  const { status, body } = await createSession();
  expect(status).toBe(503);
  expect(body.error.message).toMatch(/RONDO_MIN_ISOLATION demands gvisor.*docker with runc \(container\).*a worker without a sandbox.*npm run setup/);
  expect((await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'hello' })).body.error.message).toMatch(/RONDO_MIN_ISOLATION/);
  expect((await gateway.request('GET', '/readyz')).body.checks.sandbox).toEqual({ state: 'missing', detail: expect.stringContaining('isolation gvisor') });
});

it('lets an environment of the caller be: its sandboxes are not ours', async () => {
  expect((await createSession({ type: 'self_hosted' })).status).toBe(200);
});

it('takes sessions again once one worker is strong enough, and says on the session which sandbox it has', async () => {
  const missing = { out_of_memory_contained: 'gVisor ends as a whole' };
  await reportWorker(gateway.pool, { id: 'strong', engine: 'docker', runtime: 'runsc', isolation: 'gvisor', detail: { missing } });
  const { status, body: session } = await createSession();
  expect([status, session.sandbox]).toEqual([200, null]);
  const ref = { sessionId: session.id, workspaceId: gateway.workspaceId };
  const row = { generation: 1, name: 'rondo-x', engine: 'docker', runtime: 'runsc', isolation: 'gvisor', hostId: null } as const;
  await gateway.store.locked(ref, (locked) => locked.saveSandbox({ ...row, state: 'ready' }));
  const sandbox = { isolation: 'gvisor', engine: 'docker', runtime: 'runsc' };
  expect((await gateway.request('GET', `/v1/sessions/${session.id}`)).body.sandbox).toEqual(sandbox);
  const { body: list } = await gateway.request('GET', '/v1/sessions');
  expect(list.data.map((listed: { sandbox: unknown }) => listed.sandbox)).toContainEqual(sandbox);
  await gateway.store.locked(ref, (locked) => locked.saveSandbox({ ...row, state: 'released' }));
  expect((await gateway.request('GET', `/v1/sessions/${session.id}`)).body.sandbox).toBeNull();
  await expect
    .poll(async () => (await gateway.request('GET', '/readyz')).body.checks.sandbox, { timeout: 10_000 })
    .toEqual({ state: 'ok', detail: 'docker with runsc, isolation: gvisor', engines: [{ ...sandbox, missing }] });
  await removeWorker(gateway.pool, 'strong');
});
