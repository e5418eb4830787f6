import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { newId } from '../../../infra/ids.js';
import { ERRORS, RondoError } from '../../../workflows/contract/errors.js';
import { toEnvelope } from './error.filter.js';

/**
 * Answers what Node could not read as a request at all, in the error envelope, and closes the connection. By itself Node answers
 * with a bare status, which no client of the wire understands. For the server's event `clientError`.
 */
export function answerUnreadable(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error.code);
  const { http: status } = ERRORS[refusal.code];
  const id = newId('request');
  const body = JSON.stringify(toEnvelope(refusal, id));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `request-id: ${id}`,
    'connection: close',
  ].join('\r\n');
  socket.end(`${head}\r\n\r\n${body}`);
}

function refusalOf(code: string | undefined): RondoError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new RondoError('request.headers_too_large', 'Address and headers of the request are longer than the 16 KB this server reads; shorten the query.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RondoError('request.timed_out', 'The request did not arrive in time; send it again.');
    default:
      return new RondoError('request.invalid', 'This is not a request by HTTP/1.1.');
  }
}
