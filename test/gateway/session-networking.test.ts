import { afterAll, beforeAll, expect, it } from 'vitest';
import { readNetworkAccess } from '../../infra/postgres/network-access.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;
let agent: string;
let cloud: string;
let selfHosted: string;
const environment = async (config: object): Promise<string> =>
  (await gateway.request('POST', '/v1/environments', { name: `e-${Math.random()}`, config })).body.id;

beforeAll(async () => {
  gateway = await startTestGateway();
  agent = (await gateway.request('POST', '/v1/agents', { name: 'a', model: MODEL })).body.id;
  cloud = await environment({ type: 'cloud', networking: { type: 'limited', allowed_hosts: ['of-the-environment.example'] } });
  selfHosted = await environment({ type: 'self_hosted' });
});
afterAll(() => gateway?.stop());

const create = (more: object = {}) => gateway.request('POST', '/v1/sessions', { agent, environment_id: cloud, ...more });
const update = (id: string, body: object) => gateway.request('POST', `/v1/sessions/${id}`, body);
const LIMITED = { type: 'limited', allowed_hosts: ['api.example.com', { host: 'b.example.com', methods: ['GET'] }], unknown_hosts: 'ask' };
const STORED = { ...LIMITED, allow_mcp_servers: false, allow_package_managers: false };

it('is shown with its defaults, wherever the session is', async () => {
  const { status, body } = await create({ networking: LIMITED });
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body.networking).toEqual(STORED);
  expect((await gateway.request('GET', `/v1/sessions/${body.id}`)).body.networking).toEqual(STORED);
  const listed = (await gateway.request('GET', '/v1/sessions')).body.data.find(({ id }: { id: string }) => id === body.id);
  expect(listed.networking).toEqual(STORED);
});

it('is null for a session that has none, also when an unchanged SDK makes and updates it', async () => {
  const session = await gateway.sdk().beta.sessions.create({ agent, environment_id: cloud });
  expect(session).toMatchObject({ networking: null });
  expect(await gateway.sdk().beta.sessions.update(session.id, { title: 'Named' })).toMatchObject({ networking: null, title: 'Named' });
});

it('changes as a whole, stays when it is left out, ends with null, and the log says so', async () => {
  const { id } = (await create({ networking: LIMITED })).body;
  expect((await update(id, { title: 'Named' })).body.networking).toEqual(STORED);
  const other = { type: 'limited', allow_package_managers: true };
  const whole = { type: 'limited', allowed_hosts: [], allow_mcp_servers: false, allow_package_managers: true };
  expect((await update(id, { networking: other })).body.networking).toEqual(whole);
  expect((await update(id, { networking: other })).status).toBe(200);
  expect((await update(id, { networking: null })).body.networking).toBeNull();
  const { data } = (await gateway.request('GET', `/v1/sessions/${id}/events?types[]=session.updated`)).body;
  expect(data.map(({ title, networking }: Record<string, unknown>) => ({ title, networking }))).toEqual([
    { title: 'Named', networking: undefined },
    { title: undefined, networking: whole },
    { title: undefined, networking: null },
  ]);
});

it('is what the model is told, and the environment is when there is none', async () => {
  const { id } = (await create({ networking: LIMITED })).body;
  const told = () => transaction(gateway.pool, gateway.workspaceId, (tx) => readNetworkAccess(tx, id));
  expect((await told()).networking).toEqual(STORED);
  await update(id, { networking: null });
  expect((await told()).networking).toMatchObject({ allowed_hosts: ['of-the-environment.example'] });
});

it('can be changed while the session runs, and not when it has ended', async () => {
  const { id } = (await create()).body;
  await gateway.request('POST', `/v1/sessions/${id}/events`, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'go' }] }] });
  expect((await update(id, { networking: LIMITED })).body).toMatchObject({ status: 'running', networking: STORED });
  await gateway.request('POST', `/v1/sessions/${id}/kill`);
  expect((await update(id, { networking: null })).status).toBe(409);
});

it('is refused for a session of a self-hosted environment, by the name of the field', async () => {
  const refused = await create({ environment_id: selfHosted, networking: LIMITED });
  expect(refused.status).toBe(400);
  expect(refused.body.error.message).toMatch(/^networking: .*self_hosted/);
  const { status, body } = await create({ environment_id: selfHosted, networking: null });
  expect(status).toBe(200);
  expect(body.networking).toBeNull();
  expect(await update(body.id, { networking: LIMITED })).toMatchObject({ status: 400 });
  expect(await update(body.id, { networking: null, title: 'Named' })).toMatchObject({ status: 200, body: { networking: null } });
});

it.each([
  ['a host with a scheme', { type: 'limited', allowed_hosts: ['https://api.example.com'] }, /^networking.allowed_hosts\[0\]/],
  ['a field that there is not', { type: 'unrestricted', allowed_hosts: [] }, /^networking/],
  ['another type', { type: 'open' }, /^networking/],
])('refuses %s as an environment does', async (_what, networking, message) => {
  const { id } = (await create()).body;
  for (const answer of [await create({ networking }), await update(id, { networking })]) {
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(message);
  }
});

it('is changed by nobody of another workspace', async () => {
  const { id } = (await create({ networking: LIMITED })).body;
  const stranger = { authorization: `Bearer ${OTHER_KEY}` };
  expect((await gateway.request('POST', `/v1/sessions/${id}`, { networking: null }, stranger)).status).toBe(404);
  expect((await gateway.request('GET', `/v1/sessions/${id}`)).body.networking).toEqual(STORED);
});
