import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { RondoError } from '../../workflows/contract/errors.js';
import type { GuardedFetch, GuardedRequest } from '../web/guarded-fetch.js';

export interface GitForwarder {
  /** What git asks instead of the other side's origin. */
  readonly base: string;
  /** A header that git has to send: whoever knows it uses the token. */
  readonly key: string;
  /** Why the last request that did not get through did not. */
  readonly failure: () => RondoError | undefined;
  close(): void;
}

export interface GitForwarderOptions extends Pick<GuardedRequest, 'traffic' | 'credentialIds' | 'signal'> {
  readonly guardedFetch: GuardedFetch;
  /** Scheme, host and port of the other side: requests go there and nowhere else. */
  readonly origin: string;
  readonly token: string | undefined;
}

const KEY_HEADER = 'x-rondo-clone';
/** What git asks the other side to find common history: lists of commits. */
const LONGEST_REQUEST = 16 * 1024 * 1024;
const PASSED_ON = ['accept', 'accept-language', 'content-type', 'content-encoding', 'git-protocol', 'user-agent'] as const;
const PASSED_BACK = ['content-type', 'cache-control', 'www-authenticate'] as const;

/**
 * Makes git's requests in its place, for one clone: through the address guard, with the session's counters and audit, and
 * with the token, which git itself never has. Listens on loopback, for whoever knows its key.
 */
export async function startGitForwarder(options: GitForwarderOptions): Promise<GitForwarder> {
  const key = randomBytes(16).toString('hex');
  let failure: RondoError | undefined;
  const server = createServer((request, response) => {
    forward(options, key, request, response).catch((error: unknown) => {
      if (error instanceof RondoError) failure = error;
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: `${KEY_HEADER}: ${key}`,
    failure: () => failure,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function forward(options: GitForwarderOptions, key: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '', method = '' } = request;
  if (request.headers[KEY_HEADER] !== key || !url.startsWith('/') || (method !== 'GET' && method !== 'POST')) {
    response.writeHead(404).end();
    return;
  }
  const { traffic, credentialIds, signal, token } = options;
  const { response: answer } = await options.guardedFetch(`${options.origin}${url}`, {
    method,
    headers: Object.fromEntries(PASSED_ON.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]]))),
    ...(token === undefined ? {} : { credentials: { authorization: `Basic ${basic(token)}` } }),
    ...(method === 'POST' ? { body: await wholeBody(request) } : {}),
    maxRedirects: 0,
    traffic,
    ...(credentialIds ? { credentialIds } : {}),
    ...(signal ? { signal } : {}),
  });
  const headers = PASSED_BACK.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  response.writeHead(answer.status, Object.fromEntries(headers));
  if (answer.body) await pipeline(Readable.fromWeb(answer.body as ReadableStream<Uint8Array>), response);
  else response.end();
}

async function wholeBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > LONGEST_REQUEST) throw new RondoError('request.too_large', 'git asks for more than is passed on.');
    chunks.push(chunk as Buffer);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The form that code hosts take a token in. */
const basic = (token: string): string => Buffer.from(`x-access-token:${token}`).toString('base64');
