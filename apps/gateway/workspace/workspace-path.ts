import { RondoError } from '../../../workflows/contract/errors.js';

/** Bytes. */
const LONGEST_PATH = 1_024;
const LONGEST_NAME = 255;

/**
 * The path of a file below /workspace, from the parts of a URL after they were decoded. Only plain names: nothing that leads up,
 * out, or somewhere else than it seems. Errors: `request.invalid`. Pure.
 */
export function workspacePath(parts: readonly string[]): string {
  const path = parts.join('/');
  const isPlain = (part: string) => part !== '' && part !== '.' && part !== '..' && !/[\0/]/.test(part) && part.isWellFormed();
  if (parts.length === 0 || !parts.every(isPlain)) {
    throw new RondoError('request.invalid', `path: ${JSON.stringify(path.slice(0, 200))} is not a plain path below /workspace, as src/main.py is.`);
  }
  if (Buffer.byteLength(path) > LONGEST_PATH || parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME)) {
    throw new RondoError('request.invalid', `path: it has more than ${LONGEST_PATH} bytes, or a name in it more than ${LONGEST_NAME}.`);
  }
  return path;
}
