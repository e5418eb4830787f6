import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';
import { type ByteRange, parseRange } from './byte-range.js';

export interface Content {
  readonly filename: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  /** Names these very bytes, for `If-Range`. */
  readonly tag: string;
  /** `undefined` when the bytes are gone. */
  open(range?: ByteRange): Promise<Readable | undefined>;
}

/**
 * Answers with raw bytes, whole or a range. The bytes are a caller's: a browser is told to store them, never to show, guess at
 * or run them. Errors: `request.range_not_satisfiable`; `false` when the bytes are gone.
 */
export async function sendContent(request: Request, response: Response, content: Content): Promise<boolean> {
  const etag = `"${content.tag}"`;
  const ifRange = request.header('if-range');
  const range = ifRange === undefined || ifRange === etag ? parseRange(request.header('range'), content.sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${content.sizeBytes}`);
    throw new RondoError('request.range_not_satisfiable', `range: lies outside of the ${content.sizeBytes} bytes there are.`);
  }
  const stream = await content.open(range);
  if (!stream) return false;

  // Express's own setters would add a charset that nobody stated.
  response.writeHead(range ? 206 : 200, {
    'content-type': content.mimeType,
    'content-length': String(range ? range.end - range.start + 1 : content.sizeBytes),
    'content-disposition': attachment(content.filename),
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'private, no-store',
    'accept-ranges': 'bytes',
    etag,
    ...(range ? { 'content-range': `bytes ${range.start}-${range.end}/${content.sizeBytes}` } : {}),
  });
  if (request.method === 'HEAD') {
    stream.destroy();
    response.end();
    return true;
  }
  // A client that goes away in the middle is no failure; a store that breaks off leaves it with fewer bytes than announced.
  await pipeline(stream, response).catch(() => response.destroy());
  return true;
}

/** RFC 6266: a plain name for old readers, the real one in UTF-8. Neither can hold a directory or end the header. */
function attachment(filename: string): string {
  const name = (filename.split(/[\\/]/).at(-1) ?? '').toWellFormed();
  const plain = name.replace(/[^\x20-\x7e]|["%\\;]/g, '_');
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
