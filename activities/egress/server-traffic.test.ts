import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listenOnLoopback } from '../../test/support/loopback-server.js';
import { recordedTraffic } from '../../test/support/traffic.js';
import { createAddressGuard } from '../web/address-guard.js';
import { createGuardedFetch } from '../web/guarded-fetch.js';
import { CLOSED, type NetworkPolicy } from './policy.js';

const SECRET = 'bearer-canary-1b2c3d';
let site: Server;
let port = 0;
const asked: string[] = [];
beforeAll(async () => {
  site = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url === '/away') return void response.writeHead(302, { location: `http://other.test:${port}/there` }).end();
    if (request.url === '/metadata') return void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
    if (request.url === '/silent') return;
    request.resume().on('end', () => response.end('x'.repeat(1_000)));
  });
  port = await listenOnLoopback(site);
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(() => {
  site.closeAllConnections();
  site.close();
});

const fetching = createGuardedFetch({
  guard: createAddressGuard({ allowPrivate: ['127.0.0.0/8'], resolver: async () => [{ address: '127.0.0.1' }] }),
  maxBytes: 100_000,
});
const at = (path: string, host = 'site.test') => `http://${host}:${port}${path}`;
const following = (policy: Partial<NetworkPolicy>, used = { requests: 0, bytes: 0 }) => ({ rulesOf: async () => ({ policy: { ...CLOSED, ...policy }, used }) });

describe('a request that Rondo makes for a session', () => {
  it('leaves one line with everything but its secrets', async () => {
    const { traffic, lines } = recordedTraffic();
    const request = { method: 'POST', body: 'hello', credentials: { authorization: `Bearer ${SECRET}` }, credentialIds: ['vcrd_0000000000'], traffic };
    const { response } = await fetching(at('/a?b=c'), request);
    await response.text();
    const [line, ...more] = await lines();
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      sessionId: 'sesn_0000000000',
      generation: null,
      toolCallIds: ['sevt_0000000000'],
      protocol: 'http',
      host: 'site.test',
      port,
      method: 'POST',
      path: '/a?b=c',
      decision: 'allow',
      rule: 'server_tools own_domains',
      status: 200,
      bytesUp: 5,
      bytesDown: 1_000,
      credentialIds: ['vcrd_0000000000'],
      error: null,
    });
    expect(JSON.stringify(line)).not.toContain(SECRET);
  });

  it('leaves a line for every redirect, and for the address that the guard refuses', async () => {
    const { traffic, lines } = recordedTraffic();
    const credentials = { authorization: SECRET };
    await (await fetching(at('/away'), { traffic, credentials, credentialIds: ['vcrd_0000000000'] })).response.text();
    await expect(fetching(at('/metadata'), { traffic })).rejects.toMatchObject({ code: 'address.refused' });
    expect(await lines()).toMatchObject([
      { host: 'site.test', path: '/away', status: 302, credentialIds: ['vcrd_0000000000'] },
      { host: 'other.test', path: '/there', status: 200, credentialIds: [] },
      { host: 'site.test', path: '/metadata', status: 302 },
      { host: '169.254.169.254', path: '/latest', status: null, decision: 'deny', rule: 'address guard' },
    ]);
  });

  it('leaves a line when nobody reads its answer', async () => {
    const { traffic, lines } = recordedTraffic();
    await fetching(at('/a'), { traffic });
    expect(await lines()).toEqual([]);
    traffic.end();
    expect(await lines()).toMatchObject([{ status: 200 }]);
  });

  it('is refused beyond what the session may use, whoever used it', async () => {
    const used = { requests: 9, bytes: 0 };
    const first = recordedTraffic({ rulesOf: async () => ({ policy: undefined, used }), limits: { requests: 10, bytes: 0 } });
    await (await fetching(at('/a'), first)).response.text();
    used.requests = 10;
    await expect(fetching(at('/a'), first)).rejects.toMatchObject({ code: 'request.rate_limited' });
    const small = recordedTraffic({ limits: { requests: 0, bytes: 500 } });
    const { response } = await fetching(at('/a'), small);
    await expect(response.text()).rejects.toMatchObject({ code: 'request.rate_limited' });
    expect(asked).toHaveLength(2);
    expect(await first.lines()).toMatchObject([{ decision: 'allow' }, { decision: 'deny', rule: 'limit of requests' }]);
    expect(await small.lines()).toMatchObject([{ decision: 'deny', rule: 'limit of bytes', bytesDown: 1_000 }]);
  });
});

describe('where server tools follow the environment', () => {
  it('the policy decides about hosts, methods and paths, at every redirect anew', async () => {
    const { traffic, lines } = recordedTraffic(
      following({ rules: [{ host: 'site.test', methods: ['GET'], paths: ['/a', '/away'], name: 'allowed_hosts site.test' }] }),
    );
    await (await fetching(at('/a'), { traffic })).response.text();
    for (const [address, method] of [
      [at('/b'), 'GET'],
      [at('/a'), 'POST'],
      [at('/a', 'other.test'), 'GET'],
      [at('/a', '127.0.0.1'), 'GET'],
      [at('/away'), 'GET'],
    ] as const) {
      await expect(fetching(address, { method, traffic }), address).rejects.toMatchObject({
        code: 'address.refused',
        message: expect.stringContaining('network policy'),
      });
    }
    expect(asked).toEqual(['GET /a', 'GET /away']);
    expect((await lines()).map(({ decision, rule }) => `${decision}: ${rule}`)).toEqual([
      'allow: allowed_hosts site.test',
      'deny: method or path is not allowed',
      'deny: method or path is not allowed',
      'deny: host is not allowed',
      'deny: addresses must be named by the policy',
      'allow: allowed_hosts site.test',
      'deny: host is not allowed',
    ]);
  });

  it('people are asked once for all requests of a call, and its clock stands still meanwhile', async () => {
    const questions: unknown[] = [];
    const { traffic, lines } = recordedTraffic({
      ...following({ unknownHosts: 'ask', askTimeoutMs: 60_000 }),
      ask: async (_session, question) => {
        questions.push(question);
        // Longer than the request may take by itself, which is long enough for a busy machine.
        await delay(2_500);
        return { decision: 'allow', rule: 'answer sevt_1' };
      },
    });
    await (await fetching(at('/a'), { traffic, timeoutMs: 2_000 })).response.text();
    await (await fetching(at('/b'), { traffic })).response.text();
    expect(questions).toEqual([{ host: 'site.test', port, method: 'GET', timeoutMs: 60_000 }]);
    expect(await lines()).toMatchObject([
      { rule: 'answer sevt_1', path: '/a' },
      { rule: 'answer sevt_1', path: '/b' },
    ]);
    await expect(fetching(at('/silent'), { traffic, timeoutMs: 300 })).rejects.toMatchObject({ code: 'address.unreachable' });
  });

  it('what nobody answers is refused, and not asked a second time by the same call', async () => {
    let questions = 0;
    const { traffic } = recordedTraffic({
      ...following({ unknownHosts: 'ask' }),
      ask: async () => {
        questions += 1;
        return { decision: 'deny', rule: 'nobody' };
      },
    });
    await traffic.admit(new URL(at('/a')), 'GET', undefined);
    await expect(fetching(at('/a'), { traffic })).rejects.toMatchObject({ code: 'address.refused' });
    expect([questions, asked.length]).toEqual([1, 0]);
  });

  it('nothing passes while the policy cannot be read, nor for a session that has ended', async () => {
    const ended = recordedTraffic({ rulesOf: async () => undefined });
    await expect(fetching(at('/a'), ended)).rejects.toMatchObject({ code: 'address.refused' });
    expect(asked).toEqual([]);
  });
});
