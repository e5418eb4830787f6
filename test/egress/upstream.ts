import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { createAuthority, openAuthority } from '../../apps/egress/x509.adapter.js';

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;
export type Handler = (request: Request, response: Response) => void;

/** The other side of the internet: a server with TLS under an authority of its own, HTTP/1.1 and HTTP/2, on a free port. */
export interface TestUpstream {
  readonly port: number;
  readonly ca: string;
  readonly server: Http2SecureServer | Server;
  /** Every request it got: method, path, headers. */
  readonly seen: { readonly method: string; readonly url: string; readonly headers: Record<string, unknown>; readonly version: string }[];
  close(): void;
}

/** Without a handler its streams are left to whoever listens for them. */
export async function startTlsUpstream(hosts: readonly string[], handler?: Handler): Promise<TestUpstream> {
  const files = await createAuthority('upstream');
  const authority = await openAuthority(files);
  const [host = 'upstream.test'] = hosts;
  const leaf = await authority.issue(host);
  const contexts = new Map(await Promise.all(hosts.map(async (name) => [name, await authority.issue(name)] as const)));
  const server = createSecureServer({
    allowHTTP1: true,
    key: leaf.key,
    cert: leaf.certificate,
    SNICallback: (name, done) => {
      const own = contexts.get(name) ?? leaf;
      done(null, createSecureContext({ key: own.key, cert: own.certificate }));
    },
  });
  return listening(server, handler, files.certificate);
}

export const startPlainUpstream = (handler: Handler): Promise<TestUpstream> => listening(createServer(), handler, '');

async function listening(server: Http2SecureServer | Server, handler: Handler | undefined, ca: string): Promise<TestUpstream> {
  const seen: TestUpstream['seen'] = [];
  if (handler) {
    (server as Server).on('request', (request: IncomingMessage, response: ServerResponse) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, version: request.httpVersion });
      handler(request, response);
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ca,
    server,
    seen,
    close: () => {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    },
  };
}

/** Answers with what came: method, path, headers, and length and hash of the body. */
export const echo: Handler = (request, response) => {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  request.on('end', () => {
    const body = JSON.stringify({ method: request.method, url: request.url, headers: request.headers, bytes, sha256: hash.digest('hex') });
    (response as ServerResponse).writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
};
