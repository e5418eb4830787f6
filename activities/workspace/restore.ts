import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lchown, link, lutimes, mkdir, open, symlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { RondoError } from '../../workflows/contract/errors.js';
import type { Entry, FileEntry, Manifest } from './manifest.js';
import { toBytes } from './scan.js';

export interface RestoreOptions {
  readonly manifest: Manifest;
  /** Made by us, empty, and seen by no sandbox until this has resolved. */
  readonly directory: string;
  /** Whom everything is given to. */
  readonly user: { readonly uid: number; readonly gid: number };
  /** A part of a blob; `undefined` where it is gone. */
  readonly open: (key: string, range: { readonly start: number; readonly end: number }) => Promise<AsyncIterable<Uint8Array> | undefined>;
}

/**
 * Makes a directory what it was at a checkpoint: contents byte for byte and checked by hash, modes, links, times (to the
 * microsecond). Rejects when anything is missing or was changed; the directory is then to be thrown away.
 */
export async function restoreCheckpoint({ manifest, directory, user, open: openBlob }: RestoreOptions): Promise<void> {
  const made = new Set(['']);
  const at = (path: string) => toBytes(directory, path);
  const claim = (path: string) => {
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    if (['', '.', '..'].includes(name) || path.includes('\0') || !made.has(parent)) throw broken(`it names ${JSON.stringify(path.slice(0, 200))}`);
  };
  const files = new Set<string>();

  for (const entry of manifest.entries) {
    claim(entry.path);
    if (entry.type === 'directory') {
      await mkdir(at(entry.path), { mode: 0o700 });
      made.add(entry.path);
    } else if (entry.type === 'symlink') await symlink(Buffer.from(entry.target, 'latin1'), at(entry.path));
    else if (entry.type === 'file') files.add(entry.path);
    else if (!files.has(entry.to)) throw broken(`it links to ${JSON.stringify(entry.to.slice(0, 200))}`);
  }
  for (const entry of inStoredOrder(manifest)) await writeFile(at(entry.path), entry, manifest, openBlob);
  for (const entry of manifest.entries) if (entry.type === 'link') await link(at(entry.to), at(entry.path));
  // From the deepest to the top: what is put into a directory changes its time.
  for (const entry of [...manifest.entries].reverse()) await finish(at(entry.path), entry, user);
}

/** As they lie in their blobs, so that a store that is far away is read forward. */
const inStoredOrder = (manifest: Manifest): FileEntry[] =>
  manifest.entries
    .flatMap((entry) => (entry.type === 'file' ? [entry] : []))
    .sort((left, right) => left.content.pack - right.content.pack || left.content.offset - right.content.offset);

async function writeFile(path: Buffer, entry: FileEntry, manifest: Manifest, openBlob: RestoreOptions['open']): Promise<void> {
  const { pack, offset, length } = entry.content;
  const key = manifest.packs[pack];
  const source = key === undefined ? undefined : await openBlob(key, { start: offset, end: offset + length - 1 });
  if (!source) throw broken(`the content of ${JSON.stringify(entry.path.slice(0, 200))} is gone`);
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    const sha256 = await unpack(source, file, entry.size);
    if (sha256 !== entry.sha256) throw broken(`the content of ${JSON.stringify(entry.path.slice(0, 200))} was changed`);
  } finally {
    await file.close();
  }
}

async function unpack(source: AsyncIterable<Uint8Array>, file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256');
  let written = 0;
  await pipeline(source, createZstdDecompress(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      if (written + chunk.length > size) throw broken('a content is longer than it says');
      hash.update(chunk);
      for (let sent = 0; sent < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, sent);
        sent += bytesWritten;
      }
      written += chunk.length;
    }
  });
  return hash.digest('hex');
}

async function finish(path: Buffer, entry: Entry, { uid, gid }: RestoreOptions['user']): Promise<void> {
  if (entry.type === 'link') return;
  await lchown(path, uid, gid);
  if (entry.type !== 'symlink') await chmod(path, entry.mode);
  const seconds = toSeconds(entry.mtime);
  await lutimes(path, seconds, seconds);
}

/** Node takes times as doubles, which are exact to a quarter of a microsecond: the middle of the right one stays within it. */
const toSeconds = (nanoseconds: string): number => (Number(BigInt(nanoseconds) / 1_000n) + 0.5) / 1e6;

const broken = (what: string): RondoError => new RondoError('checkpoint.broken', `The checkpoint cannot be restored: ${what}.`);
