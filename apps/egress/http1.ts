import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Exchange, toHeaderList, toRawHeaders } from './exchange.js';

/** An HTTP/1.1 request as an exchange. `path` is given, since a proxy's request target is a whole address. */
export function http1Exchange(request: IncomingMessage, response: ServerResponse, path: string): Exchange {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const headers = toHeaderList(request.rawHeaders);
  const hasBody = headers.some(([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && Number(value) > 0));
  return {
    version: 1,
    method: request.method ?? '',
    authorities: headers.filter(([name]) => name === 'host').map(([, value]) => value),
    path,
    headers,
    body: hasBody ? request : undefined,
    requestTrailers: () => toHeaderList(request.rawTrailers),
    respond(status, answered) {
      response.sendDate = false;
      response.writeHead(status, toRawHeaders(answered));
      // Whoever waits for events must see that the answer has begun.
      response.flushHeaders();
      return response;
    },
    addTrailers(trailers) {
      if (trailers.length > 0) response.addTrailers(trailers.map(([name, value]) => [name, value] as [string, string]));
    },
    abort: () => void response.destroy(),
    signal: gone.signal,
  };
}
