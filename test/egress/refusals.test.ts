import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { openTls, openTunnel, raw, rawInTls, readAll } from './tunnel-client.js';
import { echo, startPlainUpstream, startTlsUpstream, type TestUpstream } from './upstream.js';

let upstream: TestUpstream;
let plain: TestUpstream;
let egress: TestEgress;
let sandbox: TestSandbox;
let authority: string;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test', 'other.test'], echo);
  plain = await startPlainUpstream(echo);
  egress = await startTestEgress({ extraCa: upstream.ca });
  sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['api.test', 'pinned.test'], passthrough_hosts: ['pinned.test'] } });
  authority = `api.test:${upstream.port}`;
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
  plain.close();
});

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const untouched = async (act: () => Promise<string>): Promise<string> => {
  const before = upstream.seen.length + plain.seen.length;
  const answer = await act();
  expect(upstream.seen.length + plain.seen.length).toBe(before);
  return answer;
};

describe('inside TLS, a request that could be read in two ways goes nowhere', () => {
  const host = () => `Host: ${authority}`;
  it.each<[string, () => string]>([
    ['both lengths', () => `${head('POST / HTTP/1.1', host(), 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`],
    ['two lengths', () => `${head('POST / HTTP/1.1', host(), 'Content-Length: 4', 'Content-Length: 5')}aaaaa`],
    ['a list of lengths', () => `${head('POST / HTTP/1.1', host(), 'Content-Length: 4, 4')}aaaa`],
    ['a signed length', () => `${head('POST / HTTP/1.1', host(), 'Content-Length: +4')}aaaa`],
    ['an unknown coding', () => `${head('POST / HTTP/1.1', host(), 'Transfer-Encoding: chunked, identity')}0\r\n\r\n`],
    ['a coding in disguise', () => `${head('POST / HTTP/1.1', host(), 'Transfer-Encoding : chunked')}0\r\n\r\n`],
    ['a coding after a tab', () => `${head('POST / HTTP/1.1', host(), 'Transfer-Encoding:\x0bchunked')}0\r\n\r\n`],
    ['a bare line feed', () => `GET / HTTP/1.1\nHost: ${authority}\n\n`],
    ['a bare carriage return', () => `GET / HTTP/1.1\rHost: ${authority}\r\r`],
    ['a folded header', () => head('GET / HTTP/1.1', host(), 'X-A: b', ' Transfer-Encoding: chunked')],
    ['two hosts', () => head('GET / HTTP/1.1', host(), 'Host: other.test')],
    ['the same host twice', () => head('GET / HTTP/1.1', host(), host())],
    ['no host', () => head('GET / HTTP/1.1', 'X-A: b')],
    ['another host', () => head('GET / HTTP/1.1', 'Host: other.test')],
    ['another port', () => head('GET / HTTP/1.1', 'Host: api.test:1')],
    ['a user in the host', () => head('GET / HTTP/1.1', `Host: x@${authority}`)],
    ['a whole address', () => head(`GET https://other.test/ HTTP/1.1`, host())],
    ['a whole address of its own', () => head(`GET https://${authority}/ HTTP/1.1`, host())],
    ['an asterisk', () => head('OPTIONS * HTTP/1.1', host())],
    ['TRACE', () => head('TRACE / HTTP/1.1', host())],
    ['CONNECT', () => head(`CONNECT ${authority} HTTP/1.1`, host())],
    ['a fragment', () => head('GET /a#b HTTP/1.1', host())],
    ['a NUL in a header', () => head('GET / HTTP/1.1', host(), 'X-A: a\0b')],
    ['HTTP/2 without its greeting in TLS', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['nonsense', () => 'hello there\r\n\r\n'],
  ])('%s', async (_name, bytes) => {
    const answer = await untouched(() => rawInTls(sandbox, authority, bytes()));
    expect(answer).toMatch(/^HTTP\/1\.1 (400|431) /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('headers without end are not read to their end', async () => {
    const answer = await untouched(() => rawInTls(sandbox, authority, `GET / HTTP/1.1\r\n${host()}\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`));
    expect(answer).not.toContain('200');
  });

  it('a chunk of the wrong form ends the request on its way', async () => {
    const answer = await rawInTls(sandbox, authority, `${head('POST / HTTP/1.1', host(), 'Transfer-Encoding: chunked')}5\r\nabcde\r\n5;x\nabcde\r\nzz\r\n`);
    expect(answer).not.toContain('HTTP/1.1 200');
  });

  it('a wish for h2c is passed over: the answer comes in HTTP/1.1, and the other side hears nothing of it', async () => {
    const answer = await rawInTls(
      sandbox,
      authority,
      head('GET /h2c HTTP/1.1', host(), 'Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(upstream.seen.at(-1)?.headers).not.toHaveProperty('upgrade');
    expect(upstream.seen.at(-1)?.headers).not.toHaveProperty('http2-settings');
  });

  it('HTTP/2 for another authority, or with a host beside it, is refused', async () => {
    const secure = await openTls(sandbox, authority, { alpn: 'h2' });
    const session = connectHttp2(`https://${authority}`, { createConnection: () => secure });
    const statusOf = async (headers: Record<string, string>) => {
      const stream = session.request({ ':path': '/', ...headers });
      const [answer] = (await once(stream, 'response').catch(() => [{ ':status': 400 }])) as [Record<string, unknown>];
      stream.resume();
      return answer[':status'];
    };
    expect(await statusOf({ ':authority': authority })).toBe(200);
    const before = upstream.seen.length;
    expect(await statusOf({ ':authority': 'other.test' })).toBe(400);
    expect(await statusOf({ ':authority': authority, host: 'other.test' })).toBe(400);
    expect(await statusOf({ ':authority': authority, ':path': 'https://other.test/' })).toBe(400);
    expect(await statusOf({ ':authority': authority, ':method': 'TRACE' })).toBe(400);
    expect(upstream.seen.length).toBe(before);
    session.destroy();
  });
});

describe('a tunnel', () => {
  it.each([
    'other.test:443',
    '127.0.0.1:443',
    '[::1]:443',
    '169.254.169.254:80',
    '2130706433:443',
    '0x7f.1:443',
    'api.test',
    'api.test:0',
    'api.test:99999',
    '/',
    'api.test.evil.test:443',
    'evilapi.test:443',
  ])('to %s is not opened', async (to) => {
    expect(await untouched(() => raw(sandbox, head(`CONNECT ${to} HTTP/1.1`, `Host: ${to}`)))).toMatch(/^HTTP\/1\.1 (400|403) /);
  });

  it('for another host than its host header says is not opened', async () => {
    expect(await raw(sandbox, head(`CONNECT ${authority} HTTP/1.1`, 'Host: other.test:443'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(sandbox, head(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, `Host: ${authority}`))).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('takes TLS for its own host only', async () => {
    await expect(openTls(sandbox, authority, { servername: 'other.test' })).rejects.toThrow();
    expect((await sandbox.audit()).at(-1)).toBeDefined();
  });

  it('to port 443 takes TLS only, and elsewhere TLS or HTTP', async () => {
    const socket = await openTunnel(sandbox, 'api.test:443');
    socket.write(head('GET / HTTP/1.1', 'Host: api.test:443'));
    expect(await untouched(() => readAll(socket))).toBe('');
    const ssh = await openTunnel(sandbox, `api.test:${plain.port}`);
    ssh.write('\x00\x01nonsense');
    expect(await untouched(() => readAll(ssh))).toBe('');
    const http = await openTunnel(sandbox, `api.test:${plain.port}`);
    http.write(head('GET /inside HTTP/1.1', `Host: api.test:${plain.port}`, 'Connection: close'));
    expect(await readAll(http)).toMatch(/^HTTP\/1\.1 200 .*"url":"\/inside"/s);
  });

  it('to a host passed through is not opened for TLS of another host', async () => {
    const socket = await openTunnel(sandbox, `pinned.test:${upstream.port}`);
    const secure = connectTls({ socket, servername: 'other.test', rejectUnauthorized: false });
    await expect(once(secure, 'secureConnect')).rejects.toThrow();
  });

  it('to a host passed through carries the TLS of the host itself', async () => {
    const socket = await openTunnel(sandbox, `pinned.test:${upstream.port}`);
    const secure = connectTls({ socket, servername: 'pinned.test', ca: upstream.ca, checkServerIdentity: () => undefined });
    await once(secure, 'secureConnect');
    expect(secure.authorized).toBe(true);
    secure.write(head('GET /through HTTP/1.1', 'Host: pinned.test', 'Connection: close'));
    expect(await readAll(secure)).toContain('"url":"/through"');
    await waitFor('the line of the tunnel', async () => {
      const { rows } = await egress.owner.query('select 1 from egress_requests where host = $1 and status = 200 and bytes_down > 0', ['pinned.test']);
      return rows.length === 1;
    });
  });
});

describe('a request to the proxy itself', () => {
  it('of plain HTTP passes the same policy', async () => {
    const url = `http://api.test:${plain.port}/plain`;
    expect(await raw(sandbox, head(`GET ${url} HTTP/1.1`, `Host: api.test:${plain.port}`, 'Connection: close'))).toMatch(/^HTTP\/1\.1 200 .*"url":"\/plain"/s);
    expect(
      await untouched(() => raw(sandbox, head(`GET http://other.test:${plain.port}/ HTTP/1.1`, `Host: other.test:${plain.port}`, 'Connection: close'))),
    ).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each(['/', 'https://api.test/', 'http://u:p@api.test/', 'http://127.0.0.1/', 'http://api.test\\@other.test/', 'ftp://api.test/', 'http:///'])(
    'for %s is refused',
    async (target) => {
      const host = URL.parse(target)?.host || 'api.test';
      expect(await untouched(() => raw(sandbox, head(`GET ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close')))).toMatch(/^HTTP\/1\.1 (400|403) /);
    },
  );

  it('with another host in its header is refused', async () => {
    expect(await untouched(() => raw(sandbox, head(`GET http://api.test:${plain.port}/ HTTP/1.1`, 'Host: other.test', 'Connection: close')))).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });
});

it('a private address behind an allowed name is refused, whatever the name was before', async () => {
  const closed = await startTestEgress({ extraCa: upstream.ca, allowPrivate: [] });
  try {
    const strict = await closed.sandbox();
    const answer = await strict.curl('-k', `https://${authority}/`);
    expect(answer.stdout).toContain('refused is a loopback address');
    expect(await strict.audit()).toMatchObject([{ decision: 'deny', rule: 'address guard', status: 403 }]);
  } finally {
    await closed.stop();
  }
});

it('the other side must be vouched for by an authority that is trusted, and under its name', async () => {
  const stranger = await startTlsUpstream(['api.test'], echo);
  try {
    const anywhere = await egress.sandbox();
    const answer = await anywhere.curl(`https://api.test:${stranger.port}/`);
    expect(answer.stdout).toMatch(/could not be reached from Rondo: \w*CERT/);
    expect((await anywhere.curl(`https://wrong.test:${upstream.port}/`)).stdout).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(stranger.seen).toEqual([]);
    expect((await anywhere.curl(`https://api.test:${upstream.port}/`)).stdout).toContain('"url":"/"');
  } finally {
    stranger.close();
  }
});
