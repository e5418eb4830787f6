import { randomBytes } from 'node:crypto';
import { constants, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import type { RefusalCode } from '../../activities/sandbox/file-protocol.js';

/** A file that cannot be had or made; the message is for people. */
export class FileRefused extends Error {
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Where half-made files and directories lie, below each root: on its file system, and out of the agent's sight. */
const STAGING = '.rondo/staging';

/**
 * Names of files below the roots. No directory on the way may be a link: what the agent has linked is not what a path of
 * the session means.
 */
export interface FileAccess {
  /** The path, whose directory exists. Throws FileRefused. */
  existing(file: string): Promise<string>;
  /** The path, whose directory is made where it is missing. */
  makeParents(file: string): Promise<string>;
  /** A new name on the same file system. */
  staged(file: string): Promise<string>;
}

export function createFileAccess(roots: readonly string[]): FileAccess {
  const rootOf = (file: string): string => {
    const normal = path.normalize(file);
    const root = roots.find((candidate) => normal.startsWith(`${candidate}/`));
    if (root === undefined || normal !== file || normal.endsWith('/')) {
      throw new FileRefused('refused', `${file} is not a plain path below ${roots.join(' or ')}`);
    }
    return root;
  };

  /** Walks from the root to the directory of `file`. */
  const walk = async (file: string, make: boolean): Promise<string> => {
    const root = rootOf(file);
    let directory = root;
    for (const segment of path.relative(root, path.dirname(file)).split('/').filter(Boolean)) {
      directory = path.join(directory, segment);
      // Few, and each is done sooner than a thread is woken for it.
      const stat = lstatSync(directory, { throwIfNoEntry: false });
      if (stat === undefined) {
        if (!make) throw new FileRefused('not_found', `there is no ${file}`);
        makeDirectory(directory);
      } else if (!stat.isDirectory()) throw new FileRefused('refused', `${directory} is not a directory, so there can be no ${file}`);
    }
    return file;
  };

  return {
    existing: (file) => walk(file, false),
    makeParents: (file) => walk(file, true),
    staged: (file) => walk(path.join(rootOf(file), STAGING, randomBytes(12).toString('hex')), true),
  };
}

/** Somebody else may make it meanwhile. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Removes what an earlier supervisor left half made, beside whatever is done now. */
export function clearStaging(roots: readonly string[]): void {
  for (const root of roots) {
    const staging = path.join(root, STAGING);
    for (const name of namesIn(staging)) void fs.rm(path.join(staging, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** None where there is no directory: the agent may have put anything there. */
function namesIn(directory: string): string[] {
  try {
    return lstatSync(directory).isDirectory() ? readdirSync(directory) : [];
  } catch {
    return [];
  }
}

export const lstat = (file: string) =>
  fs.lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });

/** Opens a regular file for reading; anything else (a FIFO would block, a device would not end) is refused. */
export async function openRegular(file: string): Promise<fs.FileHandle> {
  const handle = await fs.open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new FileRefused('not_found', `there is no ${file}`);
    if (error.code === 'ELOOP' || error.code === 'ENXIO') throw new FileRefused('refused', `${file} is not a regular file`);
    throw error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new FileRefused('refused', `${file} is not a regular file`);
}

/** Makes a new file of the stream; never opens what is there already. */
export async function createRegular(file: string, mode: number, source: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await fs.open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  let bytes = 0;
  try {
    for await (const piece of source) {
      for (let offset = 0; offset < piece.length; ) offset += (await handle.write(piece, offset)).bytesWritten;
      bytes += piece.length;
    }
    await handle.chmod(mode);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  return bytes;
}
