import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestEgress, type TestEgress, type TestSandbox } from './egress.fixture.js';
import { openTls } from './tunnel-client.js';
import { echo, type Handler, startTlsUpstream, type TestUpstream } from './upstream.js';

const directory = mkdtempSync(join(tmpdir(), 'rondo-protocols-'));

/** A git repository over the dumb protocol, events, and the echo for everything else. */
const everything: Handler = (request, response) => {
  const answer = response as ServerResponse;
  const url = request.url ?? '';
  if (url === '/events') {
    answer.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
    release.then(
      () => answer.end('data: second\n\n'),
      () => undefined,
    );
  } else if (url === '/nothing') answer.writeHead(204).end();
  else if (url === '/cookies')
    answer
      .writeHead(200, [
        ['Set-Cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ] as unknown as Record<string, string>)
      .end('x');
  else if (url.startsWith('/git/')) {
    backend(request, answer, url);
  } else echo(request, response);
};
let releaseEvents: () => void = () => undefined;
const release = new Promise<void>((resolve) => {
  releaseEvents = resolve;
});

/** Git's own server program, as a web server calls it. */
function backend(request: Parameters<Handler>[0], answer: ServerResponse, url: string): void {
  const [path = '', query = ''] = url.slice('/git'.length).split('?');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
    },
  });
  request.pipe(child.stdin);
  let output = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    output = Buffer.concat([output, chunk]);
  });
  child.once('close', () => {
    const end = output.indexOf('\r\n\r\n');
    const fields = output
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]);
    answer.writeHead(Number(fields.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200), Object.fromEntries(fields)).end(output.subarray(end + 4));
  });
}

let upstream: TestUpstream;
let grpc: TestUpstream;
let egress: TestEgress;
let sandbox: TestSandbox;
beforeAll(async () => {
  upstream = await startTlsUpstream(['api.test'], everything);
  upstream.server.on('upgrade', (request: { headers: Record<string, string> }, socket: Duplex, head: Buffer) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  grpc = await startTlsUpstream(['api.test']);
  grpc.server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }));
    stream.pipe(stream);
  });
  egress = await startTestEgress({ extraCa: `${upstream.ca}${grpc.ca}` });
  sandbox = await egress.sandbox({ networking: { type: 'limited', allowed_hosts: ['api.test'] } });
});
afterAll(async () => {
  await egress.stop();
  upstream.close();
  grpc.close();
  rmSync(directory, { recursive: true, force: true });
});
const at = (path: string) => `https://api.test:${upstream.port}${path}`;

describe('what passes the gateway', () => {
  it.each(['--http1.1', '--http2'])('uploads of known and of unknown length arrive byte for byte, on a fresh connection too (%s)', async (version) => {
    const file = join(directory, 'upload');
    for (const size of [0, 1, 16_384, 1_000_003]) {
      const bytes = randomBytes(size);
      writeFileSync(file, bytes);
      const expected = { bytes: size, sha256: createHash('sha256').update(bytes).digest('hex') };
      for (const words of [
        ['-T', file],
        ['-T', '-', '-H', 'Transfer-Encoding: chunked'],
      ]) {
        const fresh = await egress.sandbox();
        const answer = await fresh.run('sh', ['-c', `curl -sS ${version} "$@" < ${file}`, 'sh', ...words, at('/put')]);
        expect(answer.stderr).toBe('');
        expect(JSON.parse(answer.stdout)).toMatchObject({ method: 'PUT', ...expected });
      }
    }
  });

  it('events come as they are sent, not when the answer ends', async () => {
    const child = spawn('curl', ['-sSN', at('/events')], { env: { ...sandbox.environment } });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    expect(first.toString()).toBe('data: first\n\n');
    releaseEvents();
    const [second] = (await once(child.stdout, 'data')) as [Buffer];
    expect(second.toString()).toBe('data: second\n\n');
  });

  it.each(['--http1.1', '--http2'])('answers without a body, to HEAD too, and repeated headers (%s)', async (version) => {
    expect((await sandbox.curl(version, '-w', '%{http_code}', at('/nothing'))).stdout).toBe('204');
    expect(await sandbox.curl(version, '-I', at('/'))).toMatchObject({ code: 0 });
    const cookies = await sandbox.curl(version, '-i', at('/cookies'));
    expect(cookies.stdout.match(/set-cookie: [ab]=/gi)).toHaveLength(2);
  });

  it('a GET with a body', async () => {
    const answer = await sandbox.curl('-X', 'GET', '-d', 'query', at('/search'));
    expect(JSON.parse(answer.stdout)).toMatchObject({ method: 'GET', bytes: 5 });
  });

  it('a WebSocket, both ways', async () => {
    const secure = await openTls(sandbox, `api.test:${upstream.port}`);
    secure.write(
      `GET /socket HTTP/1.1\r\nHost: api.test:${upstream.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    const [head] = (await once(secure, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /);
    const frame = Buffer.from([0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e]);
    secure.write(frame);
    expect(await once(secure, 'data')).toEqual([frame]);
    secure.end();
    await once(secure, 'close');
    await waitFor('the line of the WebSocket', async () =>
      (await sandbox.audit()).some(({ protocol, bytes_up: up }) => protocol === 'websocket' && Number(up) === 11),
    );
  });

  it('gRPC: both ways at once over HTTP/2, with trailers', async () => {
    const secure = await openTls(sandbox, `api.test:${grpc.port}`, { alpn: 'h2' });
    const session = connectHttp2(`https://api.test:${grpc.port}`, { createConnection: () => secure });
    const stream = session.request({ ':method': 'POST', ':path': '/pkg.Service/Talk', 'content-type': 'application/grpc', te: 'trailers' });
    stream.write('one');
    expect(String((await once(stream, 'data'))[0])).toBe('one');
    stream.write('two');
    expect(String((await once(stream, 'data'))[0])).toBe('two');
    const trailers = once(stream, 'trailers');
    stream.end();
    stream.resume();
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'done' });
    session.destroy();
  });

  it('an answer that breaks off breaks off in the sandbox too', async () => {
    const broken = createPlainServer((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => response.destroy());
    });
    broken.listen(0, '127.0.0.1');
    await once(broken, 'listening');
    const { port } = broken.address() as { port: number };
    expect((await sandbox.curl(`http://api.test:${port}/`)).code).not.toBe(0);
    broken.close();
  });
});

describe('the programs of a sandbox need no settings but their environment', () => {
  it('git clones', async () => {
    const source = join(directory, 'source');
    const git = (...words: string[]) => execFileSync('git', ['-C', source, '-c', 'user.name=x', '-c', 'user.email=x@x', ...words]);
    execFileSync('git', ['init', '-q', source]);
    writeFileSync(join(source, 'file'), 'content\n');
    git('add', '.');
    git('commit', '-qm', 'first');
    const answer = await sandbox.run('git', ['clone', '-q', at('/git/source/.git'), join(directory, 'clone')]);
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(execFileSync('git', ['-C', join(directory, 'clone'), 'log', '--format=%s']).toString()).toBe('first\n');
  });

  it('Node fetches', async () => {
    const answer = await sandbox.run(process.execPath, ['-e', `fetch('${at('/node')}').then(r => r.json()).then(j => console.log(j.url))`]);
    expect(answer).toMatchObject({ code: 0, stdout: '/node\n' });
  });

  it('Python requests', async () => {
    const answer = await sandbox.run('python3', ['-c', `import requests; print(requests.post('${at('/python')}', data=b'x' * 100000).json()['bytes'])`]);
    expect(answer).toMatchObject({ code: 0, stdout: '100000\n' });
  });

  it('Java connects', async () => {
    const file = join(directory, 'Main.java');
    writeFileSync(
      file,
      'public class Main { public static void main(String[] a) throws Exception { System.out.print(new String(new java.net.URL(a[0]).openStream().readAllBytes())); } }',
    );
    const answer = await sandbox.run('java', [file, at('/java')]);
    expect(answer.stdout).toContain('"url":"/java"');
  });
});
