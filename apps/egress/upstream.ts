import type { Socket } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { type Target, writeAuthority } from '../../activities/egress/host-name.js';
import { Refusal } from '../../activities/egress/refusal.js';
import type { AddressGuard } from '../../activities/web/address-guard.js';
import { createGuardedConnector } from '../../activities/web/guarded-connector.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { type HeaderList, toHeaderList, toRawHeaders } from './exchange.js';
import { createHttp2Upstream } from './http2-upstream.js';
import type { Scheme, UpstreamRequest, UpstreamResponse } from './upstream-request.js';

/** The far side of one session: connections to checked addresses, kept for its further requests and shared with nobody. */
export interface Upstream {
  /** Errors: `Refusal`, which says what the address guard or the other side did. */
  request(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** A connection of its own, with TLS for https. Errors: `Refusal`. */
  connect(scheme: Scheme, target: Target): Promise<Socket>;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  readonly guard: AddressGuard;
  readonly trust: SecureContext;
  readonly idleMs: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 64 * 1_024;
const CONNECTIONS_PER_HOST = 64;

/** The usual authorities, and those that are given, PEM. One for the whole process: it holds nothing of a session. */
export const trustedAuthorities = (extraCa: string | undefined): SecureContext =>
  createSecureContext(extraCa ? { ca: [...getCACertificates('default'), extraCa] } : {});

export function createUpstream({ guard, trust, idleMs }: UpstreamOptions): Upstream {
  const connecting = { guard, timeoutMs: CONNECT_TIMEOUT_MS, trust };
  const connector = createGuardedConnector(connecting);
  const http2 = createHttp2Upstream(createGuardedConnector({ ...connecting, allowH2: true }), idleMs);
  const agent = new Agent({
    connect: connector,
    connections: CONNECTIONS_PER_HOST,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  });

  const overHttp1 = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const answer = await agent.request({
      origin: `${request.scheme}://${writeAuthority(request.target)}`,
      path: request.path,
      // Any token is a method; undici's type lists the common ones.
      method: request.method as Dispatcher.HttpMethod,
      headers: toRawHeaders(request.headers),
      body: request.body ?? null,
      signal: request.signal,
      responseHeaders: 'raw',
    });
    // With `raw` it is the flat list, which the type does not say.
    const raw = answer.headers as unknown as readonly string[];
    return { status: answer.statusCode, headers: toHeaderList(raw), body: answer.body, trailers: () => toPairs(answer.trailers) };
  };

  return {
    async request(request) {
      try {
        if (request.preferHttp2) {
          const answer = await http2.request(request);
          if (answer) return answer;
        }
        return await overHttp1(request);
      } catch (error) {
        throw explain(error, request.target);
      }
    },
    connect: (scheme, target) =>
      new Promise((resolve, reject) => {
        const options = { hostname: target.host, host: writeAuthority(target), protocol: `${scheme}:`, port: String(target.port) };
        connector(options, (...[error, socket]) => (error ? reject(explain(error, target)) : resolve(socket)));
      }),
    async close() {
      http2.close();
      await agent.destroy();
    },
  };
}

const toPairs = (fields: Readonly<Record<string, string | string[] | undefined>>): HeaderList =>
  Object.entries(fields).flatMap(([name, values]) => [values ?? []].flat().map((value) => [name, value] as const));

/** What the sandbox is told; details of our network stay here. */
function explain(error: unknown, target: Target): Refusal {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof Refusal) return current;
    if (current instanceof RondoError && current.code === 'address.refused') return new Refusal(403, 'address guard', current.message);
    if (current instanceof RondoError) return new Refusal(502, 'unreachable', current.message);
    const code = 'code' in current && typeof current.code === 'string' ? current.code : undefined;
    if (code) return failed(target, code);
  }
  return failed(target, error instanceof Error ? error.message : 'unknown error');
}

function failed(target: Target, reason: string): Refusal {
  const timedOut = /TIMEOUT|ETIMEDOUT/.test(reason);
  return new Refusal(timedOut ? 504 : 502, 'unreachable', `${writeAuthority(target)} could not be reached from Rondo: ${reason}.`);
}
