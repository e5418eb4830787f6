import type { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AskPeople } from '../../activities/egress/ask-people.js';
import type { Audit } from '../../activities/egress/audit.js';
import { type AuditLine, startLine } from '../../activities/egress/audit-line.js';
import { type Target, writeAuthority } from '../../activities/egress/host-name.js';
import { countingStream } from '../../activities/egress/meter.js';
import { Refusal } from '../../activities/egress/refusal.js';
import { admit } from './admit.js';
import { type Exchange, endToEnd, type HeaderList, headerOf } from './exchange.js';
import { type InjectedRequest, injectSecrets } from './injection.js';
import { maskAnswer, maskFields } from './masking.js';
import { checkHead } from './request-check.js';
import type { Sandbox } from './sandbox.js';
import type { SessionPolicies } from './session-policies.js';
import type { Scheme, UpstreamResponse } from './upstream-request.js';

export interface ForwardParts {
  readonly policies: SessionPolicies;
  readonly ask: AskPeople;
  readonly audit: Audit;
  /** Most connections of one sandbox at a time, and most requests. */
  readonly connections: number;
}

export interface Destined {
  readonly sandbox: Sandbox;
  readonly scheme: Scheme;
  readonly target: Target;
}

/** Bodies up to this many bytes are held until they are whole, so that their length is known after secrets are put in. */
const WHOLE_BODY_BYTES = 262_144;

export const defaultPort = (scheme: Scheme): number => (scheme === 'https' ? 443 : 80);

/** Carries out one request of a sandbox, or answers why not. Never rejects. */
export async function forward(parts: ForwardParts, { sandbox, scheme, target }: Destined, exchange: Exchange): Promise<void> {
  const line = startLine(parts.audit, sandbox, { protocol: scheme, target, method: exchange.method, path: exchange.path });
  let injected: InjectedRequest | undefined;
  sandbox.going += 1;
  try {
    // First, since what is refused has a line too.
    const meter = await sandbox.meter();
    meter.countRequest();
    checkHead(exchange, target, defaultPort(scheme));
    if (sandbox.going > parts.connections) throw new Refusal(429, 'limit of requests at once', 'This sandbox has too many requests open at once.');
    const request = { method: exchange.method, path: exchange.path };
    const { rules, verdict } = await admit(parts, sandbox, { ...target, request }, exchange.signal);
    line.verdict = verdict;
    injected = injectSecrets(rules, { scheme, target, path: exchange.path, headers: exchange.headers });
    const countUp = (bytes: number): void => {
      line.bytesUp += bytes;
      meter.countBytes(bytes);
    };
    const countDown = (bytes: number): void => {
      line.bytesDown += bytes;
      meter.countBytes(bytes);
    };
    const outgoing = await prepareBody(exchange, injected, countUp);
    const mayKnow = injected.used.size > 0 || outgoing.stillInjecting;
    const answer = await sandbox.upstream.request({
      scheme,
      target,
      method: exchange.method,
      path: exchange.path,
      headers: outgoingHeaders(injected.headers, target, scheme, { body: outgoing, mayKnow }),
      body: outgoing.body,
      trailers: () => endToEnd(exchange.requestTrailers()),
      signal: exchange.signal,
      preferHttp2: needsHttp2(exchange),
    });
    await relay(exchange, answer, mayKnow ? injected : undefined, countDown, line);
  } catch (error) {
    line.fail(error);
    if (line.status !== null || exchange.signal.aborted) exchange.abort();
    else answerRefusal(exchange, error, line);
  } finally {
    sandbox.going -= 1;
    line.credentialIds = [...(injected?.used.keys() ?? [])];
    line.end();
  }
}

/** gRPC, and whoever else says that trailers matter. */
const needsHttp2 = ({ version, headers }: Exchange): boolean =>
  version === 2 && (/trailers/i.test(headerOf(headers, 'te') ?? '') || /^application\/grpc/i.test(headerOf(headers, 'content-type') ?? ''));

interface OutgoingBody {
  readonly body: Readable | Buffer | undefined;
  /** A secret may be put in after the head has gone. */
  readonly stillInjecting: boolean;
}

async function prepareBody({ body, headers, signal }: Exchange, injected: InjectedRequest, count: (bytes: number) => void): Promise<OutgoingBody> {
  if (!body) return { body: undefined, stillInjecting: false };
  if (!injected.body) return { body: through(body, [countingStream(count)]), stillInjecting: false };
  const length = Number(headerOf(headers, 'content-length') ?? Number.NaN);
  if (!(length <= WHOLE_BODY_BYTES)) return { body: through(body, [countingStream(count), injected.body()]), stillInjecting: true };
  const chunks: Buffer[] = [];
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted();
    count((chunk as Buffer).length);
    chunks.push(chunk as Buffer);
  }
  return { body: injected.injectWhole(Buffer.concat(chunks)), stillInjecting: false };
}

/** Joins steps behind a source; a failure of one destroys all, and shows at the end that is read. */
function through(source: Readable, steps: readonly [Transform, ...Transform[]]): Readable {
  const last = steps.at(-1) ?? steps[0];
  pipeline([source, ...steps]).catch((error: Error) => last.destroy(error));
  return last;
}

function outgoingHeaders(
  headers: HeaderList,
  target: Target,
  scheme: Scheme,
  { body, mayKnow }: { readonly body: OutgoingBody; readonly mayKnow: boolean },
): HeaderList {
  const dropped = new Set([
    'host',
    'expect',
    // Asked for in pieces, an answer would show a secret in pieces, which nobody finds.
    ...(mayKnow ? ['accept-encoding', 'range', 'if-range'] : []),
    ...(body.stillInjecting || Buffer.isBuffer(body.body) ? ['content-length'] : []),
  ]);
  return [
    ['host', writeAuthority(target, defaultPort(scheme))],
    ...endToEnd(headers).filter(([name]) => !dropped.has(name)),
    ...(headerOf(headers, 'te') === undefined ? [] : [['te', 'trailers'] as const]),
    ...(mayKnow ? [['accept-encoding', 'identity'] as const] : []),
    ...(Buffer.isBuffer(body.body) ? [['content-length', String(body.body.length)] as const] : []),
  ];
}

async function relay(
  exchange: Exchange,
  answer: UpstreamResponse,
  injected: InjectedRequest | undefined,
  count: (bytes: number) => void,
  line: AuditLine,
): Promise<void> {
  const hasBody = exchange.method !== 'HEAD' && answer.status !== 204 && answer.status !== 304;
  const masks = injected ? [...[...injected.used.values()].flat(), ...injected.possible] : [];
  const plain = endToEnd(answer.headers);
  try {
    const masked = injected && maskAnswer(plain, masks, hasBody);
    const sink = exchange.respond(answer.status, masked?.headers ?? plain);
    line.status = answer.status;
    const counting = countingStream(count, () => exchange.addTrailers(maskFields(endToEnd(answer.trailers()), masks)));
    await pipe(answer.body, hasBody ? (masked?.steps ?? []) : [], counting, sink);
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
}

const pipe = (source: Readable, steps: readonly Transform[], counting: Transform, sink: Writable): Promise<void> =>
  pipeline([source, ...steps, counting, sink]);

function answerRefusal(exchange: Exchange, error: unknown, line: AuditLine): void {
  const refusal = error instanceof Refusal ? error : new Refusal(502, 'failed', 'Rondo could not carry out this request.');
  const body = Buffer.from(`${refusal.message}\n`);
  line.status = refusal.status;
  const headers: HeaderList = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
    ['x-rondo-egress', refusal.rule.replace(/[^\x20-\x7e]/g, '?')],
    // What is left of the request's body is not read, nor what follows a request that is not clear.
    ...(exchange.version === 1 && (exchange.body || refusal.status === 400) ? [['connection', 'close'] as const] : []),
  ];
  try {
    exchange.respond(refusal.status, headers).end(body);
  } catch {
    // The client was gone in this very moment.
    exchange.abort();
  }
}
