import type { Readable } from 'node:stream';
import { RondoError } from '../../workflows/contract/errors.js';

export interface StoredBlob {
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Where the bytes of files, skills and checkpoints live. Errors: `service.unavailable` when the store fails. */
export interface BlobStore {
  /**
   * Streams bytes under a key, replacing what is there: whole and durable when it resolves, else nothing changes.
   * Errors: `request.too_large` past `maximumBytes`, and whatever the source throws.
   */
  put(key: string, source: AsyncIterable<Uint8Array>, options?: { readonly maximumBytes?: number }): Promise<StoredBlob>;
  /** The bytes from `start` up to and with `end`; `undefined` where there is no such blob. Its deletion does not cut a reader off. */
  open(key: string, range?: { readonly start?: number; readonly end?: number }): Promise<Readable | undefined>;
  /** Also of what an interrupted `put` left behind; nothing to delete is no error. */
  delete(key: string): Promise<void>;
  /** The keys that begin with a prefix, in no order. */
  list(prefix: string): AsyncIterable<string>;
}

const SEGMENT = '[0-9A-Za-z_-][0-9A-Za-z._-]*';
const KEY = new RegExp(`^${SEGMENT}(/${SEGMENT})+$`);
const LONGEST = 200;

/** Refuses a key that a store could take for something else. Keys are ours, `<workspace>/<id>`, never a caller's text. */
export function checkKey(key: string): string {
  if (key.length <= LONGEST && KEY.test(key)) return key;
  throw new RondoError('internal', `Not a key of the blob store: ${JSON.stringify(key.slice(0, LONGEST))}`);
}
