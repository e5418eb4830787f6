import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { writeAuthority } from '../../activities/egress/host-name.js';
import { endToEnd, type HeaderList, headerOf, toHeaderList, toRawHeaders } from './exchange.js';
import type { UpstreamRequest, UpstreamResponse } from './upstream-request.js';

/** HTTP/2 toward hosts that speak it: gRPC, which sends both ways at once and ends with trailers. */
export interface Http2Upstream {
  /** Undefined where the other side chose HTTP/1.1; nothing of the request is used then. */
  request(request: UpstreamRequest): Promise<UpstreamResponse | undefined>;
  close(): void;
}

export function createHttp2Upstream(connector: buildConnector.connector, idleMs: number): Http2Upstream {
  const sessions = new Map<string, Promise<ClientHttp2Session | undefined>>();

  const open = async (key: string, request: UpstreamRequest): Promise<ClientHttp2Session | undefined> => {
    const socket = await dial(connector, request);
    if (!(socket instanceof TLSSocket) || socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return undefined;
    }
    const session = connect(`https://${writeAuthority(request.target)}`, { createConnection: () => socket, settings: { enablePush: false } });
    const forget = () => void sessions.delete(key);
    session.once('close', forget).once('goaway', forget).on('error', forget);
    session.setTimeout(idleMs, () => session.close());
    return session;
  };

  const sessionFor = async (request: UpstreamRequest): Promise<ClientHttp2Session | undefined> => {
    const key = writeAuthority(request.target);
    const opening = sessions.get(key) ?? open(key, request);
    sessions.set(key, opening);
    try {
      const session = await opening;
      if (!session) sessions.delete(key);
      return session;
    } catch (error) {
      sessions.delete(key);
      throw error;
    }
  };

  return {
    async request(request) {
      if (request.scheme !== 'https') return undefined;
      const session = await sessionFor(request);
      return session && exchange(session, request);
    },
    close() {
      for (const opening of sessions.values()) opening.then((session) => session?.destroy()).catch(() => undefined);
      sessions.clear();
    },
  };
}

const dial = (connector: buildConnector.connector, { target }: UpstreamRequest): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const options = { hostname: target.host, host: writeAuthority(target), protocol: 'https:', port: String(target.port) };
    connector(options, (...[error, socket]) => (error ? reject(error) : resolve(socket)));
  });

function exchange(session: ClientHttp2Session, request: UpstreamRequest): Promise<UpstreamResponse> {
  const fields = endToEnd(request.headers).filter(([name]) => name !== 'host');
  const trailersWanted = headerOf(request.headers, 'te') === undefined ? [] : [['te', 'trailers'] as const];
  const authority = headerOf(request.headers, 'host') ?? writeAuthority(request.target, 443);
  const pseudo = [':method', request.method, ':scheme', 'https', ':authority', authority, ':path', request.path];
  const stream = session.request([...pseudo, ...toRawHeaders([...fields, ...trailersWanted])], {
    endStream: request.body === undefined,
    waitForTrailers: request.body !== undefined,
    signal: request.signal,
  });
  let trailers: HeaderList = [];
  // Also for what fails after the answer has been read.
  stream.on('error', () => undefined);
  stream.once('wantTrailers', () => {
    try {
      stream.sendTrailers(Object.fromEntries(request.trailers()));
    } catch {
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.once('trailers', (_fields: unknown, _flags: number, raw: string[] | undefined) => {
    trailers = toHeaderList(raw ?? []);
  });
  send(stream, request);
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    // A stream may be closed with the code that means no error, and then says nothing else.
    stream.once('close', () => reject(new Error('closed without an answer')));
    stream.once('response', (_fields: unknown, _flags: number, raw: string[]) => {
      const all = toHeaderList(raw);
      const status = Number(headerOf(all, ':status'));
      resolve({ status, headers: all.filter(([name]) => !name.startsWith(':')), body: stream, trailers: () => trailers });
    });
  });
}

function send(stream: ClientHttp2Stream, { body }: UpstreamRequest): void {
  if (body === undefined) return;
  if (Buffer.isBuffer(body)) return void stream.end(body);
  pipeline(body, stream, (error) => {
    // An answer may end before the request does; that is no failure.
    if (error && !stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  });
}
