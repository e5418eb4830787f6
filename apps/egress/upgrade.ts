import { request as httpRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startLine } from '../../activities/egress/audit-line.js';
import { writeAuthority } from '../../activities/egress/host-name.js';
import { countingWays } from '../../activities/egress/meter.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { admit } from './admit.js';
import { replacingStream } from './byte-replacer.js';
import { endToEnd, type HeaderList, toHeaderList, toRawHeaders } from './exchange.js';
import { type Destined, defaultPort, type ForwardParts } from './forward.js';
import { injectSecrets } from './injection.js';
import { maskFields, ofSameLength } from './masking.js';
import { refusalBytes } from './refusal.js';
import { checkHead } from './request-check.js';

const MOST_LISTENERS = 20;
/** How long the other side may be silent before it has answered. */
const OPENING_MS = 60_000;

/** Whether a request wants to change to WebSocket. Every other wish to change the protocol is passed over, h2c too. */
export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket' && /\bupgrade\b/i.test(request.headers.connection ?? '');

/** Opens a WebSocket for a sandbox and carries it. Secrets are put into the opening request only. Never rejects. */
export async function openWebSocket(
  parts: ForwardParts,
  destined: Destined,
  request: IncomingMessage,
  path: string,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { sandbox, scheme, target } = destined;
  const line = startLine(parts.audit, sandbox, { protocol: 'websocket', target, method: 'GET', path });
  const gone = new AbortController();
  // These connections may be half open: a program that has ended is seen by the end of what it sends.
  const leave = (): void => gone.abort();
  socket.on('error', () => socket.destroy());
  socket.once('close', leave).once('end', leave);
  try {
    const meter = await sandbox.meter();
    meter.countRequest();
    const headers = toHeaderList(request.rawHeaders);
    const authorities = headers.filter(([name]) => name === 'host').map(([, value]) => value);
    checkHead({ version: 1, method: 'GET', path, authorities, headers }, target, defaultPort(scheme));
    const { rules, verdict } = await admit(parts, sandbox, { ...target, request: { method: 'GET', path } }, gone.signal);
    line.verdict = verdict;
    const injected = injectSecrets(rules, { scheme, target, path, headers });
    line.credentialIds = [...injected.used.keys()];
    const masks = [...injected.used.values()].flat();
    const far = await sandbox.upstream.connect(scheme, target);
    const answer = await upgrade(far, gone.signal, {
      path,
      headers: openingHeaders(injected.headers, writeAuthority(target, defaultPort(scheme)), masks.length > 0),
    });
    line.status = answer.status;
    socket.write(writeHead(answer, maskFields(answer.headers, masks)), 'latin1');
    if (head.length > 0) socket.unshift(head);
    if (answer.head.length > 0) far.unshift(answer.head);
    const { up, down } = countingWays(line, meter);
    // Two pipelines at each end, beside HTTP and TLS: a fixed number, over the one at which Node suspects a leak.
    for (const side of [socket, far]) side.setMaxListeners(MOST_LISTENERS);
    const masking = masks.length > 0 ? [replacingStream(masks.map(ofSameLength))] : [];
    const ways = await Promise.allSettled([pipeline(socket, up, far), pipeline([far, ...masking, down, socket])]);
    for (const way of ways) if (way.status === 'rejected') line.fail(way.reason);
  } catch (error) {
    line.fail(error);
    const refusal = error instanceof Refusal ? error : new Refusal(502, 'failed', 'Rondo could not carry out this request.');
    line.status ??= refusal.status;
    socket.end(refusalBytes(refusal));
  } finally {
    line.end();
  }
}

interface Upgraded {
  readonly status: number;
  readonly headers: HeaderList;
  readonly head: Buffer;
}

/** Compressed frames hide what must be masked, so compression is not offered then. */
function openingHeaders(headers: HeaderList, host: string, masked: boolean): HeaderList {
  const dropped = new Set(['host', ...(masked ? ['sec-websocket-extensions'] : [])]);
  return [['host', host], ['connection', 'Upgrade'], ['upgrade', 'websocket'], ...endToEnd(headers).filter(([name]) => !dropped.has(name))];
}

/** Errors: `Refusal` where the other side does not change the protocol, also in time. */
function upgrade(far: Socket, gone: AbortSignal, { path, headers }: { readonly path: string; readonly headers: HeaderList }): Promise<Upgraded> {
  const giveUp = (): void => void far.destroy();
  const answered = new Promise<Upgraded>((resolve, reject) => {
    if (gone.aborted) giveUp();
    gone.addEventListener('abort', giveUp, { once: true });
    far.setTimeout(OPENING_MS, giveUp);
    const opening = httpRequest({ createConnection: () => far, method: 'GET', path, headers: toRawHeaders(headers), setHost: false });
    opening.on('error', reject);
    opening.once('upgrade', (answer, _socket, head) => {
      resolve({ status: answer.statusCode ?? 101, headers: toHeaderList(answer.rawHeaders), head });
    });
    opening.once('response', (answer) => {
      far.destroy();
      reject(new Refusal(answer.statusCode ?? 502, 'no websocket', `The server answered the WebSocket request with status ${answer.statusCode}.`));
    });
    opening.end();
  });
  return answered.finally(() => {
    gone.removeEventListener('abort', giveUp);
    far.setTimeout(0);
  });
}

/** The reason is not the other side's: it could quote a secret. */
const writeHead = ({ status }: Upgraded, headers: HeaderList): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
