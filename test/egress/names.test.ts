import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress } from './egress.fixture.js';
import { raw } from './tunnel-client.js';
import { echo, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let egress: TestEgress;
/** Every name that was asked of the name server: what it sees leaves the machine. */
const asked: string[] = [];
/** What names lead to now. */
let addressOf = (_host: string): string => '127.0.0.1';
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'turning.test'], echo);
  egress = await startTestEgress({
    extraCa: upstream.ca,
    allowPrivate: [`127.0.0.1:${upstream.port}`],
    resolver: async (host) => {
      asked.push(host);
      return [{ address: addressOf(host) }];
    },
  });
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
});
const at = (host: string, path = '/') => `https://${host}:${upstream.port}${path}`;
const allowing = (...hosts: string[]) => egress.sandbox({ networking: { type: 'limited', allowed_hosts: hosts } });

it('a name that is not allowed is not looked up: it carries nothing out', async () => {
  const sandbox = await allowing('api.test');
  expect((await sandbox.curl(at('api.test'))).stdout).toContain('"url":"/"');
  expect(asked.splice(0)).toEqual(['api.test']);
  for (const name of ['c2vjcmv0.leak.test', 'secret.api.test', 'api.test.leak.test']) {
    expect((await sandbox.curl(at(name))).stderr).toContain('403');
    expect((await sandbox.curl(`http://${name}/`)).stdout).toContain(name);
    expect(await raw(sandbox, `CONNECT ${name}:53 HTTP/1.1\r\nHost: ${name}:53\r\n\r\n`)).toContain('403');
    expect((await sandbox.curl('-H', `Host: ${name}`, at('api.test'))).stdout).toContain('does not pass');
  }
  expect(asked.filter((name) => name !== 'api.test')).toEqual([]);
});

it('a name that people are asked about is looked up when they have allowed it, not before', async () => {
  const sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: [], unknown_hosts: 'ask', ask_timeout: 60 } });
  asked.splice(0);
  const path = `/v1/sessions/${sandbox.sessionId}/events`;
  const going = sandbox.curl(at('api.test'));
  const question = await waitFor('a question', async () => {
    const { body } = await egress.rondo.request('GET', `${path}?types[]=rondo.network_confirmation_required`);
    return body.data[0];
  });
  expect(asked).toEqual([]);
  await egress.rondo.request('POST', path, { events: [{ type: 'user.tool_confirmation', tool_use_id: question.id, result: 'allow' }] });
  expect((await going).stdout).toContain('"url":"/"');
  expect(asked).toEqual(['api.test']);
});

it.each([
  '169.254.169.254',
  'fd00:ec2::254',
  '10.0.0.1',
  '172.17.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '::1',
  '0.0.0.0',
  '127.0.0.1',
  '::ffff:10.0.0.1',
  'fe80::1',
])('a name that turns to %s after it was allowed is refused, and the refusal names it', async (address) => {
  const sandbox = await egress.sandbox();
  addressOf = () => '127.0.0.1';
  expect((await sandbox.curl(at('turning.test'))).stdout).toContain('"url":"/"');
  const before = upstream.seen.length;
  addressOf = () => address;
  // Of this machine, one port is open for the tests, and no other.
  const answer = await sandbox.curl('-k', 'https://turning.test:444/');
  expect(answer.stdout).toContain('turning.test');
  expect(answer.stdout).toMatch(/refused/);
  expect(upstream.seen.length).toBe(before);
  expect((await sandbox.audit(2)).at(-1)).toMatchObject({ decision: 'deny', rule: 'address guard' });
  addressOf = () => '127.0.0.1';
});
