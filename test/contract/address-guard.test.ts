import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAddressGuard, type Resolver } from '../../activities/web/address-guard.js';
import { createGuardedFetch } from '../../activities/web/guarded-fetch.js';
import { listenOnLoopback } from '../support/loopback-server.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let inside: Server;
let outside: Server;
/** Requests that reached the server nobody may reach. */
const trespasses: string[] = [];
const seen: { url: string; authorization: string | undefined }[] = [];
let handle: Handler = (_, response) => void response.end('hello');
let insidePort = 0;
let outsidePort = 0;

beforeAll(async () => {
  inside = createServer((request, response) => {
    trespasses.push(request.url ?? '');
    response.end('secret of the inside');
  });
  insidePort = await listenOnLoopback(inside);
  outside = createServer((request, response) => {
    seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
    handle(request, response);
  });
  outsidePort = await listenOnLoopback(outside);
});
afterAll(() => {
  for (const server of [inside, outside]) server.closeAllConnections();
  inside.close();
  outside.close();
});

/** Names as a name server answers them, one answer after another; the last one stays. */
const names = (answers: Readonly<Record<string, readonly (readonly string[])[]>>): Resolver => {
  const asked = new Map<string, number>();
  return async (host) => {
    const list = answers[host] ?? [];
    const turn = asked.get(host) ?? 0;
    asked.set(host, turn + 1);
    return (list[Math.min(turn, list.length - 1)] ?? []).map((address) => ({ address }));
  };
};

const aFetch = (options: { resolver?: Resolver; allowPrivate?: string[]; maxBytes?: number } = {}) =>
  createGuardedFetch({
    guard: createAddressGuard({
      allowPrivate: options.allowPrivate ?? [`public.test:${outsidePort}`],
      resolver: options.resolver ?? names({ 'public.test': [['127.0.0.1']] }),
    }),
    maxBytes: options.maxBytes ?? 1_000_000,
  });

const refusal = (rule: string) => expect.objectContaining({ code: 'address.refused', message: expect.stringContaining(rule) });

describe('the address guard', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['0x7f.1', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['0', 'unspecified'],
    ['[::1]', 'loopback'],
    ['[::ffff:127.0.0.1]', 'inside an IPv6'],
    ['[::ffff:7f00:1]', 'inside an IPv6'],
    ['[64:ff9b::7f00:1]', 'NAT64'],
    ['[2002:7f00:1::]', '6to4'],
    ['169.254.169.254', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['localhost', 'loopback'],
    ['localhost.', 'loopback'],
  ])('refuses http://%s, and nothing arrives there', async (host, rule) => {
    const fetch = createGuardedFetch({ guard: createAddressGuard({ allowPrivate: [] }), maxBytes: 1_000 });
    await expect(fetch(`http://${host}:${insidePort}/`)).rejects.toEqual(refusal(rule));
    expect(trespasses).toEqual([]);
  });

  it('refuses a name of which one address of several is private', async () => {
    const resolver = names({ 'both.test': [['93.184.216.34', '10.0.0.7']] });
    await expect(aFetch({ resolver })(`http://both.test:${insidePort}/`)).rejects.toEqual(refusal('private address'));
  });

  it.each(['http://user:pass@public.test/', 'ftp://public.test/', 'file:///etc/passwd', 'not an address'])(
    'refuses %s before any name is resolved',
    async (url) => {
      const resolver: Resolver = () => Promise.reject(new Error('must not be asked'));
      await expect(aFetch({ resolver })(url)).rejects.toMatchObject({ code: 'address.refused' });
    },
  );

  it('connects to the address it has checked, though the name server answers another one a moment later', async () => {
    handle = (_, response) => void response.writeHead(200, { connection: 'close' }).end('public');
    const resolver = names({ 'rebind.test': [['127.0.0.1'], ['127.0.0.2']] });
    const fetch = aFetch({ resolver, allowPrivate: [`127.0.0.1:${outsidePort}`] });
    expect(await (await fetch(`http://rebind.test:${outsidePort}/`)).response.text()).toBe('public');
    await expect(fetch(`http://rebind.test:${outsidePort}/`)).rejects.toEqual(refusal('loopback'));
  });

  it('allows exactly what the operator listed: another port of the same host stays refused', async () => {
    handle = (_, response) => void response.end('hello');
    const fetch = aFetch();
    expect(await (await fetch(`http://public.test:${outsidePort}/`)).response.text()).toBe('hello');
    await expect(fetch(`http://public.test:${insidePort}/`)).rejects.toEqual(refusal('loopback'));
    expect(trespasses).toEqual([]);
  });

  it('says that a name does not resolve', async () => {
    await expect(aFetch()('http://nowhere.test/')).rejects.toMatchObject({ code: 'address.unreachable', message: expect.stringContaining('nowhere.test') });
  });
});

describe('redirects', () => {
  const to =
    (location: string, status = 302): Handler =>
    (request, response) =>
      request.url === '/start' ? void response.writeHead(status, { location }).end() : void response.end('arrived');

  it.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://[::1]:PORT/',
    '//169.254.169.254/latest/meta-data',
    'http://x:y@public.test/',
    'file:///etc/passwd',
  ])('to %s are refused, and nothing arrives there', async (location) => {
    handle = to(location.replace('PORT', String(insidePort)));
    await expect(aFetch()(`http://public.test:${outsidePort}/start`)).rejects.toMatchObject({ code: 'address.refused' });
    expect(trespasses).toEqual([]);
  });

  it('within the same origin are followed, with the credentials', async () => {
    handle = to('/end');
    seen.length = 0;
    const { response, url } = await aFetch()(`http://public.test:${outsidePort}/start`, { credentials: { authorization: 'Bearer s3cret' } });
    expect(await response.text()).toBe('arrived');
    expect(url.pathname).toBe('/end');
    expect(seen).toEqual([
      { url: '/start', authorization: 'Bearer s3cret' },
      { url: '/end', authorization: 'Bearer s3cret' },
    ]);
  });

  it('to another origin lose the credentials', async () => {
    handle = to(`http://other.test:${outsidePort}/end`);
    seen.length = 0;
    const fetch = aFetch({
      resolver: names({ 'public.test': [['127.0.0.1']], 'other.test': [['127.0.0.1']] }),
      allowPrivate: [`127.0.0.1:${outsidePort}`],
    });
    await fetch(`http://public.test:${outsidePort}/start`, { credentials: { authorization: 'Bearer s3cret' } });
    expect(seen.at(-1)).toEqual({ url: '/end', authorization: undefined });
  });

  it('end after the fifth', async () => {
    handle = (_, response) => void response.writeHead(302, { location: '/again' }).end();
    seen.length = 0;
    await expect(aFetch()(`http://public.test:${outsidePort}/start`)).rejects.toMatchObject({ message: expect.stringContaining('redirects too often') });
    expect(seen).toHaveLength(6);
  });

  it('of a POST are not followed: its body goes to nobody else', async () => {
    handle = to('/end', 307);
    const { response } = await aFetch()(`http://public.test:${outsidePort}/start`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(307);
  });
});

describe('the bounds', () => {
  const get = (options: Parameters<typeof aFetch>[0], request = {}) => aFetch(options)(`http://public.test:${outsidePort}/`, request);

  it('end a body that is too large, whatever length was announced', async () => {
    handle = (_, response) => void response.end(Buffer.alloc(5_000));
    await expect(get({ maxBytes: 4_999 }).then(({ response }) => response.text())).rejects.toMatchObject({ code: 'request.too_large' });
    expect(await get({ maxBytes: 5_000 }).then(({ response }) => response.text())).toHaveLength(5_000);
  });

  it('count what a small body unpacks to', async () => {
    handle = (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)));
    await expect(get({ maxBytes: 100_000 }).then(({ response }) => response.text())).rejects.toMatchObject({ code: 'request.too_large' });
  });

  it('end headers without end', async () => {
    handle = (_, response) => void response.writeHead(200, { 'x-long': 'a'.repeat(60_000) }).end();
    await expect(get({})).rejects.toMatchObject({ code: 'address.unreachable' });
  });

  it('end a body that never ends, by the time of the whole request', async () => {
    handle = (_, response) => void response.writeHead(200).write('a');
    await expect(get({}, { timeoutMs: 300 }).then(({ response }) => response.text())).rejects.toMatchObject({ message: expect.stringContaining('too long') });
  });

  it('let the caller stop a request that hangs, and close its connection', async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    handle = (request) => arrived.resolve(request);
    const stop = new AbortController();
    const pending = get({}, { signal: stop.signal });
    const request = await arrived.promise;
    const closed = new Promise((resolve) => request.socket.once('close', resolve));
    stop.abort();
    await expect(pending).rejects.toMatchObject({ code: 'step.superseded' });
    await closed;
  });

  it('tell a closed port plainly', async () => {
    const closed = createServer();
    const port = await listenOnLoopback(closed);
    await new Promise((resolve) => closed.close(resolve));
    await expect(aFetch({ allowPrivate: [`public.test:${port}`] })(`http://public.test:${port}/`)).rejects.toMatchObject({
      code: 'address.unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
