import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { type AuditLine, startLine } from '../../activities/egress/audit-line.js';
import { canonicalHost, isAddress, parseAuthority, type Target } from '../../activities/egress/host-name.js';
import { countingWays } from '../../activities/egress/meter.js';
import { isPassthrough } from '../../activities/egress/policy.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { admit } from './admit.js';
import { readFirstBytes } from './client-hello.js';
import { type Destined, type ForwardParts, forward } from './forward.js';
import { serveHttp2 } from './http2.js';
import type { LeafContexts } from './leaf-contexts.js';
import { malformed, refusalBytes } from './refusal.js';
import { checkHost } from './request-check.js';
import type { Sandbox } from './sandbox.js';

export interface TunnelParts extends ForwardParts {
  readonly leafFor: LeafContexts;
  /** Takes connections whose TLS has been opened, or that have none; where each leads is in `destinations`. */
  readonly inner: HttpServer;
  readonly destinations: WeakMap<object, Destined>;
  /** Told of everything that goes on, until it has ended. */
  readonly track: (work: Promise<void>) => void;
  readonly idleMs: number;
  readonly maxHeaderBytes: number;
}

const FIRST_BYTES_MS = 30_000;
const LONGEST_GREETING = 64 * 1_024;
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

/** Opens a tunnel that a sandbox asks for by CONNECT, and looks into it. Never rejects. */
export async function openTunnel(
  parts: TunnelParts,
  sandbox: Sandbox,
  request: { readonly authority: string; readonly hosts: readonly string[] },
  socket: Socket,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  const target = parseAuthority(request.authority);
  if (!target) return refuse(socket, malformed('a CONNECT to something that is no host:port'));
  const line = startLine(parts.audit, sandbox, { protocol: 'tunnel', target, method: 'CONNECT', path: null });
  const gone = new AbortController();
  // The connection may be half open: a program that has ended is seen by the end of what it sends.
  socket.once('close', () => gone.abort()).once('end', () => gone.abort());
  try {
    if (request.hosts.length > 1) throw malformed('more than one host header');
    for (const host of request.hosts) checkHost(host, target, target.port);
    // A question is asked when the request inside is known; where TLS stays closed, it is asked now.
    const first = await admit(parts, sandbox, target, gone.signal, { mayAsk: false });
    const passthrough = isPassthrough(first.rules.policy, target.host, target.port);
    line.verdict = passthrough ? (await admit(parts, sandbox, target, gone.signal)).verdict : first.verdict;
    if (passthrough) (await sandbox.meter()).countRequest();
    socket.write(ESTABLISHED);
    line.status = 200;
    await (passthrough ? passThrough(parts, sandbox, target, socket, line) : look(parts, sandbox, target, socket, line));
  } catch (error) {
    line.fail(error);
    if (line.status === null && error instanceof Refusal) {
      line.status = error.status;
      refuse(socket, error);
    } else socket.destroy();
    await endCounted(sandbox, line);
  }
}

/** A tunnel that came to nothing counts as a request, since it has a line as one. */
export async function endCounted(sandbox: Sandbox, line: AuditLine): Promise<void> {
  try {
    (await sandbox.meter()).countRequest();
  } catch (error) {
    line.fail(error);
  }
  line.end();
}

/** Finds out what the sandbox speaks, and hands the connection to whoever reads it. Its requests have lines of their own. */
async function look(parts: TunnelParts, sandbox: Sandbox, target: Target, socket: Socket, line: AuditLine): Promise<void> {
  const { kind } = await firstBytes(socket, ({ kind: seen }) => seen !== 'incomplete');
  if (kind === 'tls') return terminate(parts, { sandbox, scheme: 'https', target }, socket, line);
  if (kind === 'http' && target.port !== 443) {
    parts.destinations.set(socket, { sandbox, scheme: 'http', target });
    parts.inner.emit('connection', socket);
    return;
  }
  throw malformed(kind === 'http' ? 'plain HTTP where TLS is spoken' : 'a tunnel that carries neither TLS nor HTTP');
}

async function terminate(parts: TunnelParts, destined: Destined, socket: Socket, line: AuditLine): Promise<void> {
  const { target } = destined;
  const leaf = await parts.leafFor(target.host);
  const server = createTlsServer({
    // Clients name no host where it is an address.
    ...(isAddress(target.host) ? { key: leaf.key, cert: leaf.certificate } : {}),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: FIRST_BYTES_MS,
    SNICallback: (name, done) => {
      if (canonicalHost(name) === target.host) return done(null, leaf.context);
      line.fail(malformed('TLS for a host other than the one the connection was opened for'));
      done(new Error('The name is not that of the tunnel.'));
    },
  });
  server.on('tlsClientError', (error) => {
    line.fail(error);
    parts.track(endCounted(destined.sandbox, line));
    socket.destroy();
  });
  server.on('secureConnection', (secure: TLSSocket) => {
    try {
      serveDecrypted(parts, destined, secure);
    } catch {
      secure.destroy();
    }
  });
  socket.setTimeout(0);
  server.emit('connection', socket);
}

function serveDecrypted(parts: TunnelParts, destined: Destined, secure: TLSSocket): void {
  secure.on('error', () => secure.destroy());
  secure.setTimeout(parts.idleMs, () => {
    if (destined.sandbox.held === 0) secure.destroy();
  });
  parts.destinations.set(secure, destined);
  if (secure.alpnProtocol !== 'h2') return void parts.inner.emit('connection', secure);
  serveHttp2(secure, {
    maxHeaderBytes: parts.maxHeaderBytes,
    onExchange: (exchange) => parts.track(forward(parts, destined, exchange)),
  });
}

/** Carries bytes both ways without looking at them; only the name in the greeting must be the tunnel's. */
async function passThrough(parts: TunnelParts, sandbox: Sandbox, target: Target, socket: Socket, line: AuditLine): Promise<void> {
  const greeting = await firstBytes(socket, ({ kind }) => kind !== 'incomplete');
  if (greeting.kind === 'tls' && greeting.serverName !== undefined && canonicalHost(greeting.serverName) !== target.host) {
    throw malformed('TLS for a host other than the one the connection was opened for');
  }
  const meter = await sandbox.meter();
  // The TLS in it is the sandbox's own.
  const far = await sandbox.upstream.connect('http', target);
  for (const side of [socket, far]) side.setTimeout(parts.idleMs, () => side.destroy());
  const { up, down } = countingWays(line, meter);
  const ways = await Promise.allSettled([pipeline(socket, up, far), pipeline(far, down, socket)]);
  for (const way of ways) if (way.status === 'rejected') line.fail(way.reason);
  line.end();
}

/** The first bytes of a connection, which stay in it. Errors: `Refusal` when they do not come, or do not end. */
async function firstBytes(socket: Socket, enough: (seen: ReturnType<typeof readFirstBytes>) => boolean): Promise<ReturnType<typeof readFirstBytes>> {
  const timer = setTimeout(() => socket.destroy(), FIRST_BYTES_MS).unref();
  let bytes = Buffer.alloc(0);
  try {
    for (;;) {
      const chunk = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
      bytes = Buffer.concat([bytes, chunk]);
      const seen = readFirstBytes(bytes);
      if (enough(seen)) {
        socket.unshift(bytes);
        return seen;
      }
      if (bytes.length > LONGEST_GREETING) throw malformed('a TLS greeting without end');
      await readable(socket);
    }
  } finally {
    clearTimeout(timer);
  }
}

function readable(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      socket.off('readable', came).off('end', ended).off('close', ended);
      act();
    };
    const came = settle(resolve);
    const ended = settle(() => reject(malformed('a tunnel that ended before it said anything')));
    socket.once('readable', came).once('end', ended).once('close', ended);
  });
}

const refuse = (socket: Socket, refusal: Refusal): void => void socket.end(refusalBytes(refusal));
