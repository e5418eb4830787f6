import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';
import { asOwner, type Offer, type SelfHosted, selfHosted } from './self-hosted.fixture.js';

let gateway: TestGateway;
let own: SelfHosted;
let other: SelfHosted;
let worker: Offer;

beforeAll(async () => {
  gateway = await startTestGateway();
  own = await selfHosted(gateway);
  other = await selfHosted(gateway);
  await own.message();
  await other.message();
  worker = await own.take();
});
afterAll(() => gateway.stop());

const message = { events: [{ type: 'user.message', content: [{ type: 'text', text: 'I am the user' }] }] };

/** What a worker of one environment, or one of its sessions, must not get at. */
const FORBIDDEN: readonly (readonly [string, () => readonly [method: string, path: string, body?: unknown]])[] = [
  ['list sessions', () => ['GET', '/v1/sessions']],
  ['make a session', () => ['POST', '/v1/sessions', { agent: 'agent_01', environment_id: own.environmentId }]],
  ['delete its session', () => ['DELETE', `/v1/sessions/${own.sessionId}`]],
  ['change the network policy of its session', () => ['POST', `/v1/sessions/${own.sessionId}`, { networking: { type: 'unrestricted' } }]],
  ['kill its session', () => ['POST', `/v1/sessions/${own.sessionId}/kill`]],
  ['read a session of another environment', () => ['GET', `/v1/sessions/${other.sessionId}`]],
  ['read the events of a session of another environment', () => ['GET', `/v1/sessions/${other.sessionId}/events`]],
  ['follow a session of another environment', () => ['GET', `/v1/sessions/${other.sessionId}/events/stream`]],
  ['speak as the user', () => ['POST', `/v1/sessions/${own.sessionId}/events`, message]],
  ['interrupt', () => ['POST', `/v1/sessions/${own.sessionId}/events`, { events: [{ type: 'user.interrupt' }] }]],
  [
    'confirm a call, also beside a result',
    () => [
      'POST',
      `/v1/sessions/${own.sessionId}/events`,
      {
        events: [
          { type: 'user.tool_result', tool_use_id: 'sevt_00000000' },
          { type: 'user.tool_confirmation', tool_use_id: 'sevt_00000000', result: 'allow' },
        ],
      },
    ],
  ],
  ['take work of another environment', () => ['GET', `${other.work}/poll`]],
  ['list work of another environment', () => ['GET', other.work]],
  ['change work', () => ['POST', `${own.work}/${worker.id}`, { metadata: {} }]],
  ['retrieve work', () => ['GET', `${own.work}/${worker.id}`]],
  ['make a key', () => ['POST', `/v1/environments/${own.environmentId}/keys`]],
  ['list keys', () => ['GET', `/v1/environments/${own.environmentId}/keys`]],
  ['read its environment', () => ['GET', `/v1/environments/${own.environmentId}`]],
  ['run something', () => ['POST', '/v1/invoke', { model: 'rehearsal/demo', input: 'hello' }]],
  ['list files', () => ['GET', '/v1/files']],
  ['read a file that is not of its session', () => ['GET', '/v1/files/file_00000000']],
  ['download a file that is not of its session', () => ['GET', '/v1/files/file_00000000/content']],
  ['read a skill that its session does not have', () => ['GET', '/v1/skills/skill_00000000/versions/latest']],
  ['read the trace', () => ['GET', `/v1/sessions/${own.sessionId}/trace`]],
  ['ask for what does not exist', () => ['GET', '/v1/nothing']],
];

describe.each(['environment key', 'session token'] as const)('an %s', (kind) => {
  const credential = () => (kind === 'environment key' ? own.key : worker.token);

  it.each(FORBIDDEN)('may not %s', async (_what, request) => {
    const [method, path, body] = request();
    const refused = await own.request(method, path, body, credential());
    expect(refused).toMatchObject({ status: 403, body: { error: { type: 'permission_error' } } });
  });

  it('reads its session, its events, and answers calls', async () => {
    expect((await own.request('GET', `/v1/sessions/${own.sessionId}`, undefined, credential())).body).toMatchObject({ id: own.sessionId, resources: [] });
    expect((await own.request('GET', `/v1/sessions/${own.sessionId}/events`, undefined, credential())).status).toBe(200);
    const unknown = { events: [{ type: 'user.tool_result', tool_use_id: 'sevt_00000000' }] };
    expect((await own.request('POST', `/v1/sessions/${own.sessionId}/events`, unknown, credential())).body.error.message).toMatch(/is not a tool call/);
  });
});

it("a session token may not touch another session of its own environment, nor take part in its environment's queue", async () => {
  const second = await own.newSession();
  await own.message('hello', second);
  const offer = await own.offer();
  for (const [method, path] of [
    ['GET', `/v1/sessions/${second}`],
    ['GET', `/v1/sessions/${second}/events`],
    ['GET', `${own.work}/poll`],
    ['GET', own.work],
    ['POST', `${own.work}/${offer.id}/ack`],
    ['POST', `${own.work}/${offer.id}/heartbeat`],
    ['POST', `${own.work}/${offer.id}/stop`],
  ] as const) {
    expect((await own.request(method, path, undefined, worker.token)).status, path).toBe(403);
  }
});

it('a session token opens nothing before its item is acknowledged, and nothing after it is stopped', async () => {
  const self = await selfHosted(gateway);
  await self.message();
  const offer = await self.offer();
  const read = () => self.request('GET', `/v1/sessions/${self.sessionId}`, undefined, offer.token);
  expect((await read()).status).toBe(403);
  await self.request('POST', `${self.work}/${offer.id}/ack`);
  expect((await read()).status).toBe(200);
  await self.stop(offer);
  expect((await read()).status).toBe(403);
});

it("another workspace's key finds neither environment, work nor keys", async () => {
  const stranger = (method: string, path: string) => own.request(method, path, undefined, OTHER_KEY);
  expect((await stranger('GET', `${own.work}/poll`)).status).toBe(404);
  expect((await stranger('GET', own.work)).status).toBe(404);
  expect((await stranger('GET', `${own.work}/stats`)).status).toBe(404);
  expect((await stranger('POST', `${own.work}/${worker.id}/stop`)).status).toBe(404);
  expect((await stranger('POST', `/v1/environments/${own.environmentId}/keys`)).status).toBe(404);
});

it('work of one environment is not found under another', async () => {
  expect((await gateway.request('POST', `${other.work}/${worker.id}/stop`, { force: true })).status).toBe(404);
  expect((await own.item(worker.id)).state).toBe('active');
});

describe('keys of an environment', () => {
  it('are shown once and stored as a hash', async () => {
    const made = await gateway.request('POST', `/v1/environments/${own.environmentId}/keys`, { name: 'for the rack' });
    expect(made.body).toMatchObject({ type: 'environment_key', name: 'for the rack', environment_id: own.environmentId, revoked_at: null });
    expect(made.body.key).toMatch(/^sk-rondo-env-[\w-]{43}$/);
    const { key, ...listed } = made.body;
    const list = await gateway.request('GET', `/v1/environments/${own.environmentId}/keys`);
    expect(list.body.data[0]).toEqual(listed);
    expect(JSON.stringify(list.body)).not.toContain(key);
    const rows = await asOwner(gateway, 'select * from environment_keys where id = $1', [made.body.id]);
    expect(JSON.stringify(rows)).not.toContain(key.slice('sk-rondo-env-'.length));
  });

  it('open nothing once revoked, nor do the tokens given out with them', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const held = await self.take();
    const { data } = (await gateway.request('GET', `/v1/environments/${self.environmentId}/keys`)).body;
    await gateway.request('POST', `/v1/environments/${self.environmentId}/keys/${data[0].id}/revoke`);
    expect((await self.request('GET', `/v1/sessions/${self.sessionId}`, undefined, held.token)).status).toBe(401);

    const unused = (await gateway.request('POST', `/v1/environments/${self.environmentId}/keys`)).body;
    await gateway.request('POST', `/v1/environments/${self.environmentId}/keys/${unused.id}/revoke`);
    expect((await self.request('GET', `${self.work}/poll`, undefined, unused.key)).status).toBe(401);
  });

  it('are refused for an environment whose tools run in our sandboxes, and so is its queue', async () => {
    const cloud = await gateway.request('POST', '/v1/environments', { name: `cloud ${Math.random()}` });
    expect((await gateway.request('POST', `/v1/environments/${cloud.body.id}/keys`)).status).toBe(400);
    expect((await gateway.request('GET', `/v1/environments/${cloud.body.id}/work/poll`)).status).toBe(400);
  });

  it.each(['sk-rondo-env-nobody', 'sk-rondo-req-nobody', 'sk-rondo-env-', 'sk-rondo-req-'])('%s opens nothing', async (credential) => {
    expect((await own.request('GET', `${own.work}/poll`, undefined, credential)).status).toBe(401);
  });
});
