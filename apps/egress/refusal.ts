import { Refusal } from '../../activities/egress/refusal.js';

/** For requests that could be read in two ways. */
export const malformed = (what: string): Refusal => new Refusal(400, `malformed: ${what}`, `Rondo does not pass this request on: ${what}.`);

/**
 * The same as a whole HTTP/1.1 answer, for connections that end with it. The first line says why, too: of an answer to CONNECT,
 * many programs show nothing else.
 */
export function refusalBytes({ status, message }: Refusal): string {
  const body = `${message}\n`;
  const why = message.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, LONGEST_REASON);
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}: ${why}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

const LONGEST_REASON = 300;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
