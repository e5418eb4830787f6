import { createSecureContext } from 'node:tls';
import { Agent, fetch, type Response as UndiciResponse } from 'undici';
import { RondoError } from '../../workflows/contract/errors.js';
import { Refusal } from '../egress/refusal.js';
import type { OutgoingLine, Traffic } from '../egress/traffic.port.js';
import type { AddressGuard } from './address-guard.js';
import { boundedBody } from './bounded-body.js';
import { createClock } from './clock.js';
import { createGuardedConnector } from './guarded-connector.js';

/** A request to somewhere a session named. */
export interface GuardedRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Secret headers: never sent to another origin than the first, nor after a redirect from https to http. */
  readonly credentials?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** How many redirects are followed, 5 if not given; with 0, and for other methods than GET and HEAD, the redirect itself is the answer. */
  readonly maxRedirects?: number;
  /** Called with each address before it is asked, redirects too; what it throws ends the request. */
  readonly check?: (url: URL) => void;
  /** For whom it is asked: policy, counters and audit of the session. Without it, it is for no session. */
  readonly traffic?: Traffic | undefined;
  /** Of the secrets in `credentials`, for the audit. */
  readonly credentialIds?: readonly string[];
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole request, redirects and body included, but not while people are asked; without it the idle limits alone hold. */
  readonly timeoutMs?: number;
}

export interface GuardedResponse {
  /** The body ends with an error when it is larger than the limit, compressed or not. */
  readonly response: Response;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/**
 * Fetches through the address guard, at every redirect anew. Errors: `address.refused` (also by the session's
 * policy), `request.rate_limited` (its allowance is used), `service.unavailable` (neither is known), `request.too_large`, and
 * `address.unreachable` for whatever the network or the other side did, always with a reason without secrets in it.
 */
export type GuardedFetch = (url: string | URL, request?: GuardedRequest) => Promise<GuardedResponse>;

export interface GuardedFetchOptions {
  readonly guard: AddressGuard;
  /** Largest body in bytes, both as sent and unpacked. */
  readonly maxBytes: number;
  readonly connectTimeoutMs?: number;
  /** Longest silence of the other side, in milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Certificates to trust instead of the usual ones, PEM. */
  readonly ca?: readonly string[];
}

const MAX_HEADER_BYTES = 32 * 1024;
const MAX_REDIRECTS = 5;
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
const USER_AGENT = 'Rondo';

export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const { guard, maxBytes } = options;
  const idle = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const dispatcher = new Agent({
    connect: createGuardedConnector({
      guard,
      timeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      ...(options.ca ? { trust: createSecureContext({ ca: [...options.ca] }) } : {}),
    }),
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: maxBytes,
    headersTimeout: idle,
    bodyTimeout: idle,
  });

  return async (address, request = {}) => {
    const clock = createClock(request.timeoutMs);
    const signal = AbortSignal.any([clock.signal, ...(request.signal ? [request.signal] : [])]);
    const method = request.method ?? 'GET';
    const follows = method === 'GET' || method === 'HEAD';
    const start = guard.checkUrl(address);
    let url = start;
    for (let redirects = 0; ; redirects += 1) {
      request.check?.(url);
      const secret = url.origin === start.origin ? request.credentials : undefined;
      const headers = { 'user-agent': USER_AGENT, ...request.headers, ...secret };
      const line = await clock.without(() => beginLine(request, url, secret !== undefined));
      const give = (error: unknown): RondoError => {
        const explained = explain(error, url, request.signal);
        line?.end(error instanceof Refusal ? error : explained.code === 'address.refused' ? new Refusal(403, 'address guard', explained.message) : explained);
        return explained;
      };
      const ask = async (): Promise<UndiciResponse> => {
        line?.sent(byteLength(request.body));
        return fetch(url, { method, headers, body: request.body ?? null, redirect: 'manual', signal, dispatcher });
      };
      const answer = await ask().catch((error: unknown) => {
        throw give(error);
      });
      line?.answered(answer.status);
      const location = follows && isRedirect(answer.status) ? answer.headers.get('location') : null;
      if (location === null || request.maxRedirects === 0) return { response: toResponse(answer, maxBytes, line, give), url };
      await answer.body?.cancel();
      line?.end();
      if (redirects >= (request.maxRedirects ?? MAX_REDIRECTS)) throw unavailable(start, 'it redirects too often');
      url = nextHop(guard, url, location, request.credentials !== undefined);
    }
  };
}

/** Errors: as the fetch's own. */
async function beginLine(request: GuardedRequest, url: URL, hasSecret: boolean): Promise<OutgoingLine | undefined> {
  const credentialIds = hasSecret ? (request.credentialIds ?? []) : [];
  return request.traffic?.begin(url, { method: request.method ?? 'GET', credentialIds }, request.signal).catch((error: unknown) => {
    throw explain(error, url, request.signal);
  });
}

const byteLength = (body: GuardedRequest['body']): number => (body === undefined ? 0 : Buffer.byteLength(body));

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

function nextHop(guard: AddressGuard, from: URL, location: string, hasCredentials: boolean): URL {
  const target = URL.parse(location, from.href);
  if (!target) throw unavailable(from, 'it redirects to something that is no address');
  const to = guard.checkUrl(target);
  if (hasCredentials && from.protocol === 'https:' && to.protocol === 'http:') {
    throw new RondoError(
      'address.refused',
      `Rondo does not follow ${JSON.stringify(from.host)} to ${JSON.stringify(to.host)}: refused is a redirect from https to http.`,
    );
  }
  return to;
}

/** The platform's own Response around undici's, with its body counted. */
function toResponse(answer: UndiciResponse, maxBytes: number, line: OutgoingLine | undefined, explainFailure: (error: unknown) => RondoError): Response {
  const hasBody = answer.body && ![204, 205, 304].includes(answer.status);
  if (!hasBody) line?.end();
  const body = hasBody ? boundedBody(answer.body as ReadableStream<Uint8Array>, { maxBytes, line, explain: explainFailure }) : null;
  return new Response(body, { status: answer.status, statusText: answer.statusText, headers: [...answer.headers] });
}

/** The error under undici's general "fetch failed". */
function explain(error: unknown, url: URL, signal: AbortSignal | undefined): RondoError {
  if (signal?.aborted) return signal.reason instanceof RondoError ? signal.reason : new RondoError('step.superseded', 'The request was stopped.');
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof RondoError) return current;
    if (current instanceof Refusal) return refused(current);
    if (current.name === 'TimeoutError') return unavailable(url, 'it took too long');
    const code = 'code' in current && typeof current.code === 'string' ? current.code : undefined;
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
      return new RondoError('request.too_large', `The answer of ${JSON.stringify(url.host)} is larger than allowed.`);
    if (code) return unavailable(url, `the connection failed (${code})`);
  }
  return unavailable(url, 'the request failed');
}

function refused({ status, message }: Refusal): RondoError {
  return new RondoError(status === 429 ? 'request.rate_limited' : status >= 500 ? 'service.unavailable' : 'address.refused', message);
}

const unavailable = (url: URL, reason: string): RondoError =>
  new RondoError('address.unreachable', `${JSON.stringify(url.host)} could not be read: ${reason}.`);
