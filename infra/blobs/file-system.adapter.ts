import { createHash, randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chown, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RondoError } from '../../workflows/contract/errors.js';
import { type BlobStore, checkKey, type StoredBlob } from './blob-store.js';

/** No key can begin with a dot, so this folder is no blob's. */
const INCOMING = '.incoming';

/**
 * Blobs as files under one folder, which every process of the installation must see. Nobody else may read it. A process that
 * runs as root gives what it makes to the owner of the folder, so that others of the installation need not be root.
 */
export function createFileSystemBlobs(root: string): BlobStore {
  const pathOf = (key: string) => join(root, checkKey(key));
  const incoming = join(root, INCOMING);
  /** Begins the name of what is being written under a key, so that an interrupted writing can be found again. */
  const markOf = (key: string) => createHash('sha256').update(checkKey(key)).digest('hex').slice(0, 32);

  return {
    async put(key, source, options = {}) {
      const path = pathOf(key);
      const temporary = join(incoming, `${markOf(key)}.${randomBytes(8).toString('hex')}`);
      await available(() => privateFolder(root));
      const owner = await available(() => ownerOf(root));
      for (const folder of [incoming, dirname(path)]) await available(() => privateFolder(folder, owner));
      try {
        const file = await available(() => open(temporary, 'wx', 0o600));
        const stored = await write(file, source, options.maximumBytes ?? Number.POSITIVE_INFINITY, owner);
        await available(() => rename(temporary, path));
        await available(() => syncFolder(dirname(path)));
        return stored;
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      }
    },

    async open(key, range = {}) {
      const handle = await available(() => unlessMissing(open(pathOf(key), 'r')));
      return handle?.createReadStream(range);
    },

    async delete(key) {
      const mark = `${markOf(key)}.`;
      const interrupted = (await available(() => unlessMissing(readdir(incoming)))) ?? [];
      const left = interrupted.filter((name) => name.startsWith(mark)).map((name) => join(incoming, name));
      for (const path of [pathOf(key), ...left]) await available(() => rm(path, { force: true }));
    },

    async *list(prefix) {
      for await (const key of keysIn(root, '')) if (key.startsWith(prefix)) yield key;
    },
  };
}

/** One chunk at a time, so that memory stays flat and a slow disk slows the sender down. */
async function write(file: FileHandle, source: AsyncIterable<Uint8Array>, maximumBytes: number, owner: Owner | undefined): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    if (owner) await available(() => file.chown(owner.uid, owner.gid));
    for await (const chunk of source) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maximumBytes) throw new RondoError('request.too_large', `The content is larger than the ${maximumBytes} bytes that are accepted.`);
      hash.update(chunk);
      await available(() => writeAll(file, chunk));
    }
    await available(() => file.sync());
  } finally {
    await file.close();
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** Without it a power cut could take the name away from bytes that are on the disk. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whom new files are given to; only root can give away. */
async function ownerOf(folder: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(folder);
  return { uid, gid };
}

/** Makes a folder with all above it. */
async function privateFolder(path: string, owner?: Owner): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined || !owner) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chown(made, owner.uid, owner.gid);
}

async function* keysIn(folder: string, prefix: string): AsyncGenerator<string> {
  const entries: Dirent[] = (await available(() => unlessMissing(readdir(folder, { withFileTypes: true })))) ?? [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) yield* keysIn(join(folder, entry.name), `${prefix}${entry.name}/`);
    else yield `${prefix}${entry.name}`;
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A full or broken disk is the installation's fault, not the caller's. */
async function available<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof RondoError) throw cause;
    throw new RondoError('service.unavailable', 'The blob store cannot be used; the request can be repeated.', { cause });
  }
}
