/**
 * A program that asks the upstream and tells how long it took: run on the host, and put into sandboxes as it is, so it stands alone.
 * Its one argument is an `Errand` as JSON; it prints the samples of each route.
 */
import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';

/** One way to the upstream: straight, or by a proxy at a socket or a port of this machine. */
export interface Route {
  readonly caFile: string;
  readonly proxy?: { readonly path: string } | { readonly port: number };
}

/** `new`: a connection for each request; `kept`: one for all; `many`: 50 at once, each with a new connection; the others once or more. */
export interface Errand {
  readonly port: number;
  readonly routes: Readonly<Record<string, Route>>;
  readonly work: 'new' | 'kept' | 'many' | 'down' | 'up' | 'events';
  readonly times: number;
}

/** Milliseconds by route; for `down` and `up` MB/s. */
export type Samples = Readonly<Record<string, readonly number[]>>;

const AT_ONCE = 50;
const WARM_UP = 5;
const LARGE = 200_000_000;
const BLOCK = Buffer.alloc(65_536, 'abcdefghijklmno\n');

const errand = JSON.parse(process.argv[2] ?? '{}') as Errand;
const { work, times, routes } = errand;
const isKept = work === 'kept';

const ways = Object.entries(routes).map(([name, route]) => ({ name, samples: [] as number[], ask: asker(route, errand.port) }));
if (work === 'many') for (const way of ways) await manyAtOnce(way.ask, way.samples);
else {
  const warmUp = work === 'new' || isKept || work === 'events' ? WARM_UP : 0;
  // In turns, so that what else the machine does meets every route.
  for (let time = -warmUp; time < times; time += 1) {
    for (const { ask, samples } of ways) {
      const sample = await measure(ask);
      if (time >= 0) samples.push(sample);
    }
  }
}
process.stdout.write(JSON.stringify(Object.fromEntries(ways.map(({ name, samples }) => [name, samples.map((sample) => Math.round(sample * 100) / 100)]))));
process.exit(0);

type Ask = (
  path: string,
  body?: () => Readable,
) => Promise<{ readonly ms: number; readonly firstByteMs: number; readonly bytes: number; readonly text: string }>;

async function measure(ask: Ask): Promise<number> {
  if (work === 'events') return (await ask('/events')).firstByteMs;
  if (work === 'down') {
    const { ms, bytes } = await ask(`/down/${LARGE}`);
    if (bytes !== LARGE) throw new Error(`${bytes} of ${LARGE} bytes came down.`);
    return LARGE / 1e3 / ms;
  }
  if (work === 'up') {
    const { ms, text } = await ask('/up', () => Readable.from(blocks()));
    if (Number(text) !== LARGE) throw new Error(`${text} of ${LARGE} bytes went up.`);
    return LARGE / 1e3 / ms;
  }
  const { ms, bytes } = await ask('/small');
  if (bytes !== 1_000) throw new Error(`An answer had ${bytes} bytes, not 1000.`);
  return ms;
}

async function manyAtOnce(ask: Ask, samples: number[]): Promise<void> {
  let left = times;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      samples.push(await measure(ask));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function asker(route: Route, port: number): Ask {
  const ca = readFileSync(route.caFile);
  const secure = (socket: Socket) => connectTls({ socket, ca, servername: 'localhost' });
  const agent = new Agent({ keepAlive: isKept, ...(isKept ? { maxSockets: 1 } : {}) });
  agent.createConnection = (_: unknown, done?: (error: Error | null, socket: Duplex) => void): Duplex | undefined => {
    const { proxy } = route;
    if (!proxy) return secure(connect(port, '127.0.0.1'));
    const socket = 'path' in proxy ? connect(proxy.path) : connect(proxy.port, '127.0.0.1');
    const fail = (error: Error) => done?.(error, socket);
    socket.once('error', fail);
    socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    socket.once('data', (head: Buffer) => {
      socket.off('error', fail);
      if (!head.toString('latin1').startsWith('HTTP/1.1 200')) return fail(new Error(head.toString('latin1')));
      done?.(null, secure(socket));
    });
    return undefined;
  };
  const base: RequestOptions = { host: 'localhost', port, agent };
  return (path, body) =>
    new Promise((resolve, reject) => {
      const begin = performance.now();
      const sent = request({ ...base, path, method: body ? 'PUT' : 'GET' }, (response) => {
        let firstByteMs = 0;
        let bytes = 0;
        let text = '';
        const end = () => resolve({ ms: performance.now() - begin, firstByteMs, bytes, text });
        response.on('data', (chunk: Buffer) => {
          firstByteMs ||= performance.now() - begin;
          bytes += chunk.length;
          if (bytes < 100) text += chunk.toString();
          if (path !== '/events') return;
          end();
          sent.destroy();
        });
        response.once('end', () => (response.statusCode === 200 ? end() : reject(new Error(`${path} was answered ${String(response.statusCode)}: ${text}`))));
        response.once('error', reject);
      });
      sent.once('error', reject);
      if (body) pipeline(body(), sent).catch(reject);
      else sent.end();
    });
}

function* blocks(): Generator<Buffer> {
  for (let left = LARGE; left > 0; left -= BLOCK.length) yield left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
}
