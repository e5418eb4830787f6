import type { NextFunction, Request, Response } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';
import { takesForm } from './multipart.js';

/** Deeper JSON than this is refused: everything behind the door may then walk it recursively. */
const DEEPEST = 200;

/** Members and elements of one body. The largest sensible request has a few thousand. */
const MOST_VALUES = 100_000;

const JSON_TYPES = ['json', '+json'];

/**
 * Refuses bodies that are not JSON. Requests without a body pass: the wire's actions have none. A form passes where one is
 * expected, unread: its route takes it in as it arrives.
 */
export function requireJson(request: Request, _response: Response, next: NextFunction): void {
  if (takesBytes(request)) return next(refusePacked(request));
  if (takesForm(request)) return next(refuseOtherThanForm(request));
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.is(JSON_TYPES)) return next();
  const given = request.headers['content-type'];
  next(
    new RondoError(
      'request.unsupported_media_type',
      `The body's content-type is ${given ? JSON.stringify(given.slice(0, 100)) : 'missing'}; accepted is application/json.`,
    ),
  );
}

/** Routes whose body is bytes of any type, by their path below /v1; it is read as it arrives. */
const BYTE_ROUTES = /^\/sessions\/[^/]+\/workspace\//i;
const takesBytes = ({ method, path }: Pick<Request, 'method' | 'path'>): boolean => method === 'PUT' && BYTE_ROUTES.test(path);

/** Whether a body is read whole, as JSON, before its route is called. */
export const isReadAsJson = (request: Request): boolean => !takesBytes(request) && Boolean(request.is(JSON_TYPES));

function refusePacked(request: Request): RondoError | undefined {
  const packed = request.headers['content-encoding'] ?? 'identity';
  if (packed === 'identity') return undefined;
  return new RondoError('request.unsupported_media_type', 'content-encoding: the bytes are kept as they are sent; send them not compressed.');
}

function refuseOtherThanForm(request: Request): RondoError | undefined {
  const packed = request.headers['content-encoding'] ?? 'identity';
  if (request.is('multipart/form-data') && packed === 'identity') return undefined;
  return new RondoError('request.unsupported_media_type', 'This route takes a form with files: send the body as multipart/form-data, not compressed.');
}

/** Reads the JSON of a body that was received whole; an empty one is no body. */
export function parseJson(request: Request, _response: Response, next: NextFunction): void {
  const bytes: unknown = request.body;
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) {
    request.body = undefined;
    return next();
  }
  try {
    weigh(bytes);
    request.body = readObject(bytes.toString('utf8'));
    next();
  } catch (error) {
    next(error);
  }
}

function readObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The parser quotes what it read; our own words follow.
  }
  throw new RondoError('request.invalid', 'The body is not a JSON object.');
}

/**
 * Weighs JSON before it is parsed: throws for what is nested too deeply or has too many values. One pass over the bytes;
 * building the values first would cost a hundred times their size.
 */
function weigh(bytes: Buffer): void {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) values += 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      values += 1;
      depth += 1;
      if (depth > DEEPEST) throw new RondoError('request.invalid', `The body is nested more than ${DEEPEST} levels deep.`);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    if (values > MOST_VALUES) throw new RondoError('request.too_large', `The body has more than ${MOST_VALUES} values.`);
  }
}

const [QUOTE, BACKSLASH, COMMA, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = Buffer.from('"\\,{}[]');
