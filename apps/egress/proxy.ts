import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { startLine } from '../../activities/egress/audit-line.js';
import { parseAuthority } from '../../activities/egress/host-name.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { type Destined, type ForwardParts, forward } from './forward.js';
import { http1Exchange } from './http1.js';
import type { LeafContexts } from './leaf-contexts.js';
import { malformed, refusalBytes } from './refusal.js';
import type { Sandbox } from './sandbox.js';
import { endCounted, openTunnel, type TunnelParts } from './tunnel.js';
import { openWebSocket, wantsWebSocket } from './upgrade.js';

export interface ProxyParts extends ForwardParts {
  readonly leafFor: LeafContexts;
  readonly idleMs: number;
}

/** Serves sandboxes. */
export interface SandboxProxy {
  /** One server for each sandbox, since the socket says who asks. */
  serve(sandbox: Sandbox): Server;
  /** Resolves when everything that was going on has ended, and is in the audit. */
  settled(): Promise<void>;
}

const MAX_HEADER_BYTES = 32 * 1_024;
const HEAD_TIMEOUT_MS = 30_000;

export function createProxy(parts: ProxyParts): SandboxProxy {
  const going = new Set<Promise<void>>();
  const track = (work: Promise<void>): void => {
    going.add(work);
    const done = (): void => void going.delete(work);
    work.then(done, done);
  };
  const destinations = new WeakMap<object, Destined>();
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEAD_TIMEOUT_MS,
    // Uploads take as long as they take; what stands still is cut by the idle limit.
    requestTimeout: 0,
    keepAliveTimeout: parts.idleMs,
    requireHostHeader: false,
    insecureHTTPParser: false,
    shouldUpgradeCallback: wantsWebSocket,
  };

  // Requests within tunnels: the destination is the tunnel's.
  const inner = createServer(options, (request, response) => {
    const destined = destinations.get(request.socket);
    if (!destined) return void request.socket.destroy();
    track(forward(parts, destined, http1Exchange(request, response, request.url ?? '')));
  });
  inner.on('upgrade', (request, socket, head) => {
    const destined = destinations.get(request.socket);
    if (!destined) return void socket.destroy();
    track(openWebSocket(parts, destined, request, request.url ?? '', socket, head));
  });
  inner.on('connect', (_request, socket: Socket) => void socket.end(refusalBytes(malformed('a CONNECT within a tunnel'))));
  inner.on('clientError', (error: ParseError, socket) => {
    const destined = destinations.get(socket);
    const refusal = answerMalformed(error, socket);
    if (!destined || !refusal) return;
    const line = startLine(parts.audit, destined.sandbox, { protocol: destined.scheme, target: destined.target, method: null, path: null });
    line.status = refusal.status;
    line.fail(refusal);
    track(endCounted(destined.sandbox, line));
  });
  const tunnels: TunnelParts = { ...parts, track, inner, destinations, maxHeaderBytes: MAX_HEADER_BYTES };

  const serve = (sandbox: Sandbox): Server => {
    const server = createServer(options, (request, response) => {
      const asked = plainTarget(sandbox, request);
      if (asked instanceof Refusal) return answer(response, asked);
      track(forward(parts, asked, http1Exchange(request, response, asked.path)));
    });
    server.maxConnections = parts.connections;
    server.timeout = parts.idleMs;
    server.on('timeout', (socket) => {
      if (sandbox.held === 0) socket.destroy();
    });
    server.on('connection', (socket) => {
      sandbox.connections.add(socket);
      socket.once('close', () => sandbox.connections.delete(socket));
    });
    server.on('connect', (request, socket: Socket, head) => {
      if (head.length > 0) socket.unshift(head);
      const hosts = request.rawHeaders.filter((_value, at) => at % 2 === 1 && request.rawHeaders[at - 1]?.toLowerCase() === 'host');
      track(openTunnel(tunnels, sandbox, { authority: request.url ?? '', hosts }, socket));
    });
    server.on('upgrade', (request, socket, head) => {
      const asked = plainTarget(sandbox, request);
      if (asked instanceof Refusal) return void socket.end(refusalBytes(asked));
      track(openWebSocket(parts, asked, request, asked.path, socket, head));
    });
    server.on('clientError', (error: ParseError, socket) => void answerMalformed(error, socket));
    return server;
  };
  return {
    serve,
    async settled() {
      while (going.size > 0) await Promise.all(going);
    },
  };
}

/** Where a request to the proxy itself leads: a whole http address, as RFC 9112 section 3.2.2 wants it. */
function plainTarget(sandbox: Sandbox, request: IncomingMessage): (Destined & { readonly path: string }) | Refusal {
  const { authority = '', path = '' } = /^http:\/\/(?<authority>[^/?#@\\]+)(?<path>[/?].*)?$/i.exec(request.url ?? '')?.groups ?? {};
  const target = parseAuthority(authority, 80);
  if (!target) return malformed('a proxy takes CONNECT host:port and http:// addresses only');
  return { sandbox, scheme: 'http', target, path: path.startsWith('/') ? path : `/${path}` };
}

function answer(response: ServerResponse, { status, message }: Refusal): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${message}\n`);
}

type ParseError = Error & { readonly code?: string };

/** Answers what is no HTTP; undefined where there is nobody to answer. */
function answerMalformed(error: ParseError, socket: Duplex): Refusal | undefined {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return undefined;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const refusal = tooLarge ? new Refusal(431, 'malformed: headers too large', 'The headers are too large.') : malformed('it is not valid HTTP');
  socket.end(refusalBytes(refusal));
  return refusal;
}
