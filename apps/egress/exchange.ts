import type { Readable, Writable } from 'node:stream';

/** Header fields in order, names in lower case, repeated ones as often as they came. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** One request of a sandbox and the way to answer it, whatever version of HTTP it came in. */
export interface Exchange {
  readonly version: 1 | 2;
  readonly method: string;
  /** The hosts it says it is for: from the host headers, and what HTTP/2 has beside them. */
  readonly authorities: readonly string[];
  /** Path and query, as sent. */
  readonly path: string;
  /** As sent, hop-by-hop fields included. */
  readonly headers: HeaderList;
  /** Undefined where the request has none. */
  readonly body: Readable | undefined;
  /** Fields behind the body; complete once the body has ended. */
  requestTrailers(): HeaderList;
  /** Sends status and headers; what it answers takes the body and ends with it. */
  respond(status: number, headers: HeaderList): Writable;
  /** Gives the fields that follow the body; to be called before the body ends. */
  addTrailers(trailers: HeaderList): void;
  /** Ends an answer that cannot be completed, so that the client sees that it is incomplete. */
  abort(): void;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** Node's flat list of names and values, as pairs. */
export function toHeaderList(raw: readonly string[]): HeaderList {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']);
  return list;
}

export const toRawHeaders = (headers: HeaderList): string[] => headers.flat();

/** The first value of a field. */
export const headerOf = (headers: HeaderList, name: string): string | undefined => headers.find(([given]) => given === name)?.[1];

/** Whether a header's value, one byte to a character, has what none can hold: control characters other than tabs. */
export const hasControls = (text: string): boolean => Buffer.from(text, 'latin1').some((byte) => (byte < 0x20 && byte !== 0x09) || byte === 0x7f);

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** What travels to the other end: without the fields of one hop, and those that `Connection` names. */
export function endToEnd(headers: HeaderList): HeaderList {
  const named = headers.filter(([name]) => name === 'connection').flatMap(([, value]) => value.toLowerCase().split(/[\s,]+/));
  const dropped = new Set(named);
  return headers.filter(([name]) => !HOP_BY_HOP.has(name) && !dropped.has(name));
}
