import { constants, type Http2Session, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { type Exchange, endToEnd, type HeaderList, toHeaderList, toRawHeaders } from './exchange.js';

const MAX_STREAMS = 100;

export interface Http2Options {
  readonly maxHeaderBytes: number;
  readonly onExchange: (exchange: Exchange) => void;
}

/** Speaks HTTP/2 with a client whose TLS has been opened. */
export function serveHttp2(socket: TLSSocket, options: Http2Options): Http2Session {
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: 200,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: options.maxHeaderBytes, enablePush: false, enableConnectProtocol: false },
  });
  session.on('error', () => session.destroy());
  session.on('stream', (stream: ServerHttp2Stream, _headers: unknown, flags: number, raw: string[]) => {
    stream.on('error', () => undefined);
    const all = toHeaderList(raw);
    const fields = (name: string) => all.filter(([given]) => given === name).map(([, value]) => value);
    const head = {
      method: fields(':method')[0] ?? '',
      path: fields(':path')[0] ?? '',
      authorities: [...fields(':authority'), ...fields('host')],
      headers: all.filter(([name]) => !name.startsWith(':')),
    };
    options.onExchange(http2Exchange(stream, head, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0));
  });
  return session;
}

type Head = Pick<Exchange, 'method' | 'path' | 'authorities' | 'headers'>;

function http2Exchange(stream: ServerHttp2Stream, head: Head, endStream: boolean): Exchange {
  const gone = new AbortController();
  let sent: HeaderList = [];
  let received: HeaderList = [];
  stream.once('close', () => {
    if (!stream.writableFinished || stream.rstCode !== constants.NGHTTP2_NO_ERROR) gone.abort();
  });
  stream.once('trailers', (_trailers: unknown, _flags: number, raw: string[] | undefined) => {
    received = toHeaderList(raw ?? []);
  });
  if (head.headers.some(([name, value]) => name === 'expect' && value.toLowerCase() === '100-continue')) stream.additionalHeaders({ ':status': 100 });
  return {
    ...head,
    version: 2,
    body: endStream ? undefined : stream,
    requestTrailers: () => received,
    respond(status, answered) {
      stream.once('wantTrailers', () => sendTrailers(stream, sent));
      stream.respond([':status', String(status), ...toRawHeaders(endToEnd(answered))], { waitForTrailers: true });
      return stream;
    },
    addTrailers(trailers) {
      sent = trailers;
    },
    abort: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    signal: gone.signal,
  };
}

/** In an event nobody catches what is thrown, and the other side chose these fields. */
function sendTrailers(stream: ServerHttp2Stream, trailers: HeaderList): void {
  try {
    stream.sendTrailers(toObject(trailers));
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

const toObject = (headers: HeaderList): Record<string, string[]> =>
  Object.fromEntries([...Map.groupBy(headers, ([name]) => name)].map(([name, fields]) => [name, fields.map(([, value]) => value)]));
