import { afterAll, beforeAll, expect, it } from 'vitest';
import { KEY, OTHER_KEY } from '../gateway/gateway.fixture.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let egress: TestEgress;
let sandbox: TestSandbox;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'unknown.test'], echo);
  egress = await startTestEgress({ extraCa: upstream.ca });
  sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['api.test'] } });
  for (const path of ['/1', '/2?q=3']) expect((await sandbox.curl('-d', 'hello', `https://api.test:${upstream.port}${path}`)).code).toBe(0);
  await sandbox.curl(`https://unknown.test:${upstream.port}/`);
  await sandbox.audit(3);
});
afterAll(async () => {
  await egress?.stop();
  upstream?.close();
});

const get = (path: string, headers: Record<string, string> = {}) => egress.rondo.request('GET', path, undefined, headers);
const ofSession = (query = '') => `/v1/sessions/${sandbox.sessionId}/network_requests${query}`;
const raw = async (path: string) => {
  const response = await fetch(`${egress.rondo.url}${path}`, { headers: { 'x-api-key': KEY, accept: 'application/x-ndjson' } });
  return { type: response.headers.get('content-type'), status: response.status, text: await response.text() };
};

it('is answered line by line, in the order in which requests ended', async () => {
  const { status, body } = await get(ofSession());
  expect(status).toBe(200);
  expect(body.next_page).toBeNull();
  expect(body.data).toEqual([
    {
      id: expect.stringMatching(/^netreq_/),
      type: 'network_request',
      session_id: sandbox.sessionId,
      asker: 'sandbox',
      sandbox_generation: 1,
      tool_use_ids: [],
      protocol: 'https',
      host: 'api.test',
      port: upstream.port,
      method: 'POST',
      path: '/1',
      decision: 'allow',
      rule: 'allowed_hosts api.test',
      status: 200,
      bytes_up: 5,
      bytes_down: expect.any(Number),
      credential_ids: [],
      error: null,
      started_at: expect.any(String),
      duration_ms: expect.any(Number),
      created_at: expect.any(String),
    },
    expect.objectContaining({ path: '/2?q=3' }),
    expect.objectContaining({
      protocol: 'tunnel',
      host: 'unknown.test',
      method: 'CONNECT',
      path: null,
      decision: 'deny',
      rule: 'host is not allowed',
      status: 403,
    }),
  ]);
});

it('is read page by page, both ways, and between two times', async () => {
  for (const order of ['asc', 'desc']) {
    const paths: unknown[] = [];
    let page = '';
    do {
      const { body } = await get(ofSession(`?limit=1&order=${order}${page}`));
      expect(body.data).toHaveLength(1);
      paths.push(body.data[0].path);
      page = body.next_page && `&page=${body.next_page}`;
    } while (page);
    expect(paths).toEqual(order === 'asc' ? ['/1', '/2?q=3', null] : [null, '/2?q=3', '/1']);
  }
  const { body } = await get(ofSession());
  const after = await get(ofSession(`?created_at[gt]=${body.data[0].created_at}`));
  expect(after.body.data.length).toBeLessThanOrEqual(3);
  expect((await get(ofSession('?created_at[gt]=2999-01-01T00:00:00Z'))).body.data).toEqual([]);
  expect((await get(ofSession('?limit=1001'))).status).toBe(400);
  expect((await get(ofSession('?page=x'))).status).toBe(400);
});

it('is exported as one item in each line, of the session and of the workspace', async () => {
  const listed = (await get(ofSession())).body.data;
  const exported = await raw(ofSession('?limit=1'));
  expect(exported.type).toMatch(/^application\/x-ndjson/);
  expect(
    exported.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(listed);
  const another = await egress.sandbox();
  await another.curl(`https://api.test:${upstream.port}/another`);
  await another.audit(1);
  const all = (await raw('/v1/network_requests')).text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(all.map(({ session_id }) => session_id)).toEqual([...listed.map(() => sandbox.sessionId), another.sessionId]);
  expect((await get('/v1/network_requests?order=desc&limit=1')).body.data[0]).toMatchObject({ session_id: another.sessionId });
});

it('is shown to nobody of another workspace', async () => {
  const other = { authorization: `Bearer ${OTHER_KEY}` };
  expect((await get(ofSession(), other)).status).toBe(404);
  expect((await get('/v1/network_requests', other)).body.data).toEqual([]);
  expect((await raw('/v1/sessions/sesn_00000000000000000000000000/network_requests')).status).toBe(404);
});

it('stands in the trace among the attempts, with the turn and step of the call that was open', async () => {
  const traced = await egress.sandbox();
  const { sessionId } = traced;
  const ref = { sessionId, workspaceId: egress.rondo.workspaceId };
  const callId = 'sevt_00000000000000000000000CALL';
  await egress.rondo.store.locked(ref, async (session) => {
    await session.append([{ id: callId, type: 'agent.tool_use', body: { name: 'bash', input: {} } }]);
    await session.addToolCalls([
      { id: callId, step: 2, ordinal: 0, name: 'bash', kind: 'sandbox', mcpServerName: null, permission: 'allow', decideBy: null, finished: false },
    ]);
    await session.startAttempt({ turn: 3, step: 2, kind: 'tool_call', name: 'bash', key: callId, attempt: 1 });
  });
  await traced.curl(`https://api.test:${upstream.port}/traced`);
  await traced.curl('http://169.254.169.254/latest');
  await traced.audit(2);
  const { body } = await get(`/v1/sessions/${sessionId}/trace`);
  expect(body.data).toMatchObject([
    { kind: 'tool_call', key: callId, outcome: null },
    {
      id: expect.stringMatching(/^netreq_/),
      kind: 'egress',
      turn: 3,
      step: 2,
      name: `GET https://api.test:${upstream.port}/traced`,
      key: callId,
      outcome: 'ok',
      error: null,
      detail: { decision: 'allow', rule: 'unrestricted', status: 200, tool_use_ids: [callId] },
    },
    { kind: 'egress', name: 'GET http://169.254.169.254:80/latest', outcome: 'rejected', error: { code: 'address.refused', message: expect.any(String) } },
  ]);
  const pages: string[] = [];
  for (let page = ''; ; ) {
    const one = (await get(`/v1/sessions/${sessionId}/trace?limit=1${page}`)).body;
    pages.push(one.data[0].id);
    if (!one.next_page) break;
    page = `&page=${one.next_page}`;
  }
  expect(pages).toEqual(body.data.map(({ id }: { id: string }) => id));
});
