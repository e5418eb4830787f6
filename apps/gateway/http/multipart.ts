import type { Readable } from 'node:stream';
import busboy from 'busboy';
import type { Request } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';

/** One file of a form, while it is being received. Nothing is read before its `content` is. */
export interface FilePart {
  /** Empty where the part has no name. */
  readonly field: string;
  /** As sent, directories included; empty where none was sent. */
  readonly filename: string;
  /** As sent, without parameters; `application/octet-stream` where none was. */
  readonly mimeType: string;
  readonly content: Readable;
}

export interface FormLimits {
  readonly files: number;
  /** Of all parts with their headers; the body is cut off behind it. */
  readonly totalBytes: number;
}

/** Routes whose body is a form, by their path below /v1. All others take JSON. */
const FORM_ROUTES = /^\/(files|skills|skills\/[^/]+\/versions)\/?$/i;
export const takesForm = ({ method, path }: Pick<Request, 'method' | 'path'>): boolean => method === 'POST' && FORM_ROUTES.test(path);

const MOST_FIELDS = 20;
const LONGEST_FIELD = 10_000;
/** Milliseconds without a byte after which the sender is taken for gone. */
const STALLED_AFTER = 60_000;
/** Milliseconds for which the rest of a refused body is read and thrown away, so that its sender gets to read the answer. */
const DRAIN_FOR = 30_000;

/**
 * Reads a multipart form as it arrives: `onFile` is called for each file in turn and must read its content; fields come back
 * by name. Rejects when the form is broken, cut off or too large, or when `onFile` does, after every `onFile` has ended.
 * Errors: `request.invalid`, `request.too_large`.
 */
export function readForm(request: Request, limits: FormLimits, onFile: (part: FilePart) => Promise<void>): Promise<ReadonlyMap<string, string>> {
  const form = openForm(request, limits);
  const fields = new Map<string, string>();
  const files: Promise<void>[] = [];
  return new Promise((resolve, reject) => {
    let failure: { readonly error: unknown } | undefined;
    const fail = (error: unknown) => {
      if (failure) return;
      failure = { error };
      request.setTimeout(0);
      request.unpipe(form);
      form.destroy();
      drain(request);
      void Promise.allSettled(files).then(() => reject(error));
    };
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > limits.totalBytes) fail(tooLarge(limits));
    });
    request.setTimeout(STALLED_AFTER, () => request.destroy());
    request.once('close', () => {
      if (!request.complete) fail(new RondoError('request.invalid', 'The upload was cut off before its end; nothing of it was kept.'));
    });
    // Whatever its types say, the parser gives no name where a part has none.
    form.on('file', (field: string | undefined, content, { filename, mimeType }) => {
      // Who reads the content is told of its failure; where nobody reads it any more, nobody needs to know.
      content.on('error', () => undefined);
      const file = onFile({ field: field?.slice(0, 100) ?? '', filename: filename ?? '', mimeType, content });
      files.push(file);
      file.catch(fail);
    });
    form.on('field', (field: string | undefined, value, { valueTruncated }) => {
      const name = field?.slice(0, 100) ?? '';
      if (valueTruncated) fail(new RondoError('request.invalid', `${name}: is longer than ${LONGEST_FIELD} bytes; a file must be sent with a filename.`));
      else if (fields.has(name)) fail(new RondoError('request.invalid', `${name}: is given twice.`));
      else fields.set(name, value);
    });
    form.on('filesLimit', () => fail(new RondoError('request.too_large', `The form has more than ${limits.files} ${limits.files === 1 ? 'file' : 'files'}.`)));
    form.on('fieldsLimit', () => fail(new RondoError('request.too_large', `The form has more than ${MOST_FIELDS} fields.`)));
    form.on('error', (cause) => fail(new RondoError('request.invalid', 'The body is not a complete multipart form.', { cause })));
    form.on('close', () => {
      if (failure) return;
      request.setTimeout(0);
      Promise.all(files).then(() => resolve(fields), fail);
    });
    request.pipe(form);
  });
}

function openForm(request: Request, limits: FormLimits): busboy.Busboy {
  if (Number(request.headers['content-length'] ?? 0) > limits.totalBytes) throw tooLarge(limits);
  try {
    return busboy({
      headers: request.headers,
      preservePath: true,
      defParamCharset: 'utf8',
      limits: { files: limits.files, fields: MOST_FIELDS, fieldSize: LONGEST_FIELD, fieldNameSize: 100, headerPairs: 20 },
    });
  } catch (cause) {
    throw new RondoError('request.invalid', 'content-type: multipart/form-data needs a boundary.', { cause });
  }
}

const tooLarge = ({ totalBytes }: FormLimits): RondoError =>
  new RondoError('request.too_large', `The body is larger than the ${totalBytes} bytes accepted here.`);

function drain(request: Request): void {
  if (request.readableEnded || request.destroyed) return;
  const end = setTimeout(() => request.destroy(), DRAIN_FOR);
  request.once('close', () => clearTimeout(end));
  request.resume();
}
