import * as fs from 'node:fs/promises';
import path from 'node:path';
import {
  type ListedFile,
  MAX_LISTED_FILES,
  MAX_LISTED_PATH_BYTES,
  MAX_LISTING_BYTES,
  type PathKind,
  PIECE_BYTES,
} from '../../activities/sandbox/file-protocol.js';
import { createFileAccess, createRegular, FileRefused, lstat, openRegular } from './file-access.js';
import { unpack } from './unpack.js';

/** File work of the supervisor, as the sandbox's user. Throws FileRefused, or what the file system says. */
export interface Files {
  write(file: string, mode: number, source: AsyncIterable<Uint8Array>): Promise<void>;
  extract(directory: string, archive: AsyncIterable<Uint8Array>, strip?: number): Promise<void>;
  read(file: string, maximumBytes: number, send: (piece: Uint8Array) => Promise<void>): Promise<void>;
  list(directory: string): Promise<{ files: ListedFile[]; truncated: boolean }>;
  stat(file: string): Promise<PathKind>;
}

export function createFiles(roots: readonly string[]): Files {
  const access = createFileAccess(roots);

  const kindOf = async (file: string): Promise<PathKind> => {
    const stat = await access
      .existing(file)
      .then(lstat)
      .catch((error: unknown) => {
        if (error instanceof FileRefused && error.code === 'not_found') return undefined;
        throw error;
      });
    if (stat === undefined) return 'missing';
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
  };

  /** Makes something under a staged name, then gives it its own: it is there whole, or not at all. */
  const staging = async (target: string, make: (staged: string) => Promise<unknown>): Promise<void> => {
    const staged = await access.staged(target);
    try {
      await make(staged);
      await fs.rename(staged, await access.makeParents(target));
    } catch (error) {
      await fs.rm(staged, { recursive: true, force: true });
      throw error;
    }
  };

  return {
    async write(file, mode, source) {
      const stat = await lstat(await access.makeParents(file));
      if (stat?.isDirectory()) throw new FileRefused('exists', `${file} is a directory`);
      await staging(file, (staged) => createRegular(staged, mode, source));
    },

    async extract(directory, archive, strip = 0) {
      const stat = await lstat(await access.makeParents(directory));
      const isFree = stat === undefined || (stat.isDirectory() && (await fs.readdir(directory)).length === 0);
      if (!isFree) throw new FileRefused('exists', `${directory} exists already and is not an empty directory`);
      await staging(directory, async (staged) => {
        await fs.mkdir(staged, 0o755);
        await unpack(staged, archive, strip);
      });
    },

    async read(file, maximumBytes, send) {
      const handle = await openRegular(await access.existing(file));
      try {
        let sent = 0;
        for (;;) {
          const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES);
          if (bytesRead === 0) return;
          sent += bytesRead;
          if (sent > maximumBytes) throw new FileRefused('too_large', `${file} is larger than ${maximumBytes} bytes`);
          await send(buffer.subarray(0, bytesRead));
        }
      } finally {
        await handle.close();
      }
    },

    async list(directory) {
      const kind = await kindOf(directory);
      if (kind === 'missing') return { files: [], truncated: false };
      if (kind !== 'directory') throw new FileRefused('refused', `${directory} is not a directory`);
      return list(directory);
    },

    stat: kindOf,
  };
}

/** Regular files below a directory, breadth first; links are not gone through, and what vanishes meanwhile is left out. */
async function list(top: string): Promise<{ files: ListedFile[]; truncated: boolean }> {
  const files: ListedFile[] = [];
  const directories = [''];
  let bytes = 0;
  let seen = 0;
  for (let directory = directories.shift(); directory !== undefined; directory = directories.shift()) {
    const entries = await fs.opendir(path.join(top, directory)).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const name = directory === '' ? entry.name : `${directory}/${entry.name}`;
      const length = Buffer.byteLength(name);
      seen += 1;
      if (length > MAX_LISTED_PATH_BYTES || seen > 10 * MAX_LISTED_FILES) return { files, truncated: true };
      if (entry.isDirectory()) directories.push(name);
      if (!entry.isFile()) continue;
      const stat = await lstat(path.join(top, name));
      if (stat === undefined || !stat.isFile()) continue;
      bytes += length;
      if (files.length >= MAX_LISTED_FILES || bytes > MAX_LISTING_BYTES) return { files, truncated: true };
      files.push({ path: name, size_bytes: stat.size, modified_ms: Math.max(0, stat.mtimeMs) });
    }
  }
  return { files, truncated: false };
}
