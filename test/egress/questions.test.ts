import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let egress: TestEgress;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'known.test'], echo);
  egress = await startTestEgress({ extraCa: upstream.ca });
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
});
const asking = (seconds = 60) => egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['known.test'], unknown_hosts: 'ask', ask_timeout: seconds } });
const at = (path: string) => `https://api.test:${upstream.port}${path}`;

async function questions(sandbox: TestSandbox, count: number) {
  return waitFor(`${count} questions`, async () => {
    const { body } = await egress.rondo.request('GET', `/v1/sessions/${sandbox.sessionId}/events?types[]=rondo.network_confirmation_required`);
    return body.data.length >= count ? body.data : undefined;
  });
}
const answer = (sandbox: TestSandbox, id: string, result: string, more: Record<string, unknown> = {}) =>
  egress.rondo.request('POST', `/v1/sessions/${sandbox.sessionId}/events`, { events: [{ type: 'user.tool_confirmation', tool_use_id: id, result, ...more }] });

it('an unknown host is asked about while the request waits, and goes on when it is allowed, once', async () => {
  const sandbox = await asking();
  // Of one program, so that none of them comes after the answer: it is for those who wait.
  const requests = sandbox.curl('--parallel', at('/one'), at('/two'));
  const [question] = await questions(sandbox, 1);
  expect(question).toMatchObject({ host: 'api.test', port: upstream.port, method: 'GET', tool_use_ids: [] });
  const accepted = await answer(sandbox, question.id, 'allow');
  expect(accepted).toMatchObject({ status: 200, body: { data: [{ type: 'user.tool_confirmation', result: 'allow' }] } });
  const { stdout } = await requests;
  for (const path of ['/one', '/two']) expect(stdout).toContain(`"url":"${path}"`);
  expect(await sandbox.audit(2)).toMatchObject([
    { decision: 'allow', rule: `answer ${question.id}` },
    { decision: 'allow', rule: `answer ${question.id}` },
  ]);
  const log = await egress.rondo.request('GET', `/v1/sessions/${sandbox.sessionId}/events`);
  expect(log.body.data.map(({ type }: { type: string }) => type)).toEqual(['rondo.network_confirmation_required', 'user.tool_confirmation']);
  expect((await egress.rondo.request('GET', `/v1/sessions/${sandbox.sessionId}`)).body.status).toBe('idle');

  const again = sandbox.curl(at('/three'));
  const [, second] = await questions(sandbox, 2);
  expect(await answer(sandbox, question.id, 'allow')).toMatchObject({ status: 400 });
  expect(await answer(sandbox, second.id, 'deny')).toMatchObject({ status: 200 });
  expect((await again).stdout).toContain('does not allow');
});

it('an answer for the session holds for its other requests to that host', async () => {
  const sandbox = await asking();
  const first = sandbox.curl(at('/'));
  const [question] = await questions(sandbox, 1);
  await answer(sandbox, question.id, 'allow', { scope: 'session' });
  expect((await first).stdout).toContain('"url":"/"');
  await egress.toldOfChanges();
  expect((await sandbox.curl('-d', 'x', at('/post'))).stdout).toContain('"method":"POST"');
  expect(await questions(sandbox, 1)).toHaveLength(1);
});

it('nobody answers: the request is refused when the time is over, and a late answer too', async () => {
  const sandbox = await asking(1);
  const refused = await sandbox.curl('-w', '%{http_code}', at('/'));
  expect(refused.stdout).toContain('Nobody has said in time');
  expect(refused.stdout).toMatch(/403$/);
  const [question] = await questions(sandbox, 1);
  const late = await answer(sandbox, question.id, 'allow');
  expect(late.status).toBe(400);
  expect(late.body.error.message).toContain(question.id);
});

it('known hosts are not asked about, and questions of another session are not answered', async () => {
  const sandbox = await asking();
  expect((await sandbox.curl(`https://known.test:${upstream.port}/`)).code).toBe(0);
  const waiting = sandbox.curl('--max-time', '20', at('/'));
  const [question] = await questions(sandbox, 1);
  const stranger = await asking();
  expect((await answer(stranger, question.id, 'allow')).status).toBe(400);
  await answer(sandbox, question.id, 'deny', { scope: 'session', deny_message: 'no' });
  expect((await waiting).stdout).toContain('does not allow');
  await egress.toldOfChanges();
  expect((await sandbox.curl(at('/'))).stderr).toContain('403');
});

it('a change of the environment holds for the next request', async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['api.test'] } });
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  for (const [hosts, code] of [
    [['known.test'], 56],
    [['api.test:1', `*.test:${upstream.port}`], 0],
    [[{ host: 'api.test', methods: ['POST'], paths: ['/v1/*'] }], 0],
  ] as const) {
    const changed = await egress.rondo.request('POST', `/v1/environments/${sandbox.environmentId}`, {
      config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: hosts } },
    });
    expect(changed.status).toBe(200);
    await egress.toldOfChanges();
    expect(changed.body.config.networking.allowed_hosts).toEqual(hosts);
    expect((await sandbox.curl(at('/'))).code).toBe(code);
  }
  expect((await sandbox.curl(at('/v1/x'))).stdout).toContain('method or path is not allowed');
  expect((await sandbox.curl('-d', 'x', at('/v1/x'))).stdout).toContain('"url":"/v1/x"');
  expect((await sandbox.curl('--path-as-is', '-d', 'x', at('/v1/../x'))).stdout).toContain('method or path is not allowed');
});

it('a session that has ended has no way out', async () => {
  const sandbox = await egress.sandbox();
  expect((await sandbox.curl(at('/'))).code).toBe(0);
  expect((await egress.rondo.request('POST', `/v1/sessions/${sandbox.sessionId}/archive`)).status).toBe(200);
  await egress.toldOfChanges();
  expect((await sandbox.curl(at('/'))).stderr).toContain('403');
});
