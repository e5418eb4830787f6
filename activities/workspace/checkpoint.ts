import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants as zlib, zstdCompress } from 'node:zlib';
import type { Content, Entry, FileEntry, Manifest } from './manifest.js';
import { type Skipped, scan, toBytes } from './scan.js';

/** Contents are compressed and written in pieces of this size, so that memory stays flat. */
const PIECE = 4 * 1024 * 1024;
const LARGEST_INODE_COUNT = 400_000;

export interface CheckpointOptions {
  /** A directory in which nothing runs any more. */
  readonly directory: string;
  /** The state kept last: what has not changed since is neither read nor stored. */
  readonly previous: Manifest | undefined;
  /** Streams the new contents into one blob; answers its key. Called only when there are any. */
  readonly keep: (source: AsyncIterable<Uint8Array>) => Promise<string>;
  /** Bytes of all files together; what is beyond is left out, and said. */
  readonly maximumBytes: number;
}

export interface Checkpoint {
  readonly manifest: Manifest;
  readonly skipped: readonly Skipped[];
  readonly files: number;
  /** Of all files kept. */
  readonly bytes: number;
  /** Bytes that had to be stored, compressed. */
  readonly storedBytes: number;
}

type Draft = Entry | { readonly type: 'pending'; readonly path: string; readonly stat: BigIntStats };

/** The state of a directory, as a manifest and one blob with what is new in it. Nothing of the directory is changed. */
export async function takeCheckpoint({ directory, previous, keep, maximumBytes }: CheckpointOptions): Promise<Checkpoint> {
  const skipped: Skipped[] = [];
  const known = new Map((previous?.entries ?? []).flatMap((entry) => (entry.type === 'file' ? [[entry.path, entry] as const] : [])));
  const byHash = new Map([...known.values()].map((entry) => [entry.sha256, entry.content]));
  const names = new Map<string, string>();
  const drafts: Draft[] = [];
  let bytes = 0;
  for await (const { path, stat, target } of scan(directory, LARGEST_INODE_COUNT, (what) => skipped.push(what))) {
    if (target !== undefined) drafts.push({ type: 'symlink', path, target, mtime: String(stat.mtimeNs) });
    else if (stat.isDirectory()) drafts.push({ type: 'directory', path, mode: modeOf(stat), mtime: String(stat.mtimeNs) });
    else if (stat.nlink > 1n && names.has(seenOf(stat))) drafts.push({ type: 'link', path, to: names.get(seenOf(stat)) ?? '' });
    else if (bytes + Number(stat.size) > maximumBytes) skipped.push({ path, why: 'too_large' });
    else {
      bytes += Number(stat.size);
      if (stat.nlink > 1n) names.set(seenOf(stat), path);
      const before = known.get(path);
      const same = before && before.seen === seenOf(stat) && before.size === Number(stat.size) && before.mtime === String(stat.mtimeNs);
      drafts.push(same ? { ...before, mode: modeOf(stat) } : { type: 'pending', path, stat });
    }
  }

  const packs = [...(previous?.packs ?? [])];
  const written = new Map<string, Omit<FileEntry, 'path' | 'mode' | 'mtime' | 'seen' | 'type'>>();
  let storedBytes = 0;
  const pending = drafts.flatMap((draft) => (draft.type === 'pending' ? [draft] : []));

  async function* contents(): AsyncGenerator<Uint8Array> {
    for (const { path, stat } of pending) {
      const file = await openRegular(toBytes(directory, path), stat);
      if (!file) {
        skipped.push({ path, why: 'unreadable' });
        continue;
      }
      try {
        const offset = storedBytes;
        const sha256 = await hashOf(file, Number(stat.size));
        if (sha256 === undefined) {
          skipped.push({ path, why: 'changed' });
          continue;
        }
        const size = Number(stat.size);
        const stored = byHash.get(sha256);
        if (stored) {
          written.set(path, { size, sha256, content: stored });
          continue;
        }
        for await (const frame of frames(file, size)) {
          storedBytes += frame.byteLength;
          yield frame;
        }
        const content: Content = { pack: packs.length, offset, length: storedBytes - offset, compressed: true };
        byHash.set(sha256, content);
        written.set(path, { size, sha256, content });
      } finally {
        await file.close();
      }
    }
  }

  const stream = contents();
  const first = await stream.next();
  if (!first.done) {
    const pack = await keep(
      (async function* () {
        yield first.value;
        yield* stream;
      })(),
    );
    packs.push(pack);
  }
  const entries = drafts.flatMap((draft): Entry[] => {
    if (draft.type !== 'pending') return [draft];
    const file = written.get(draft.path);
    if (!file) return [];
    const { stat, path } = draft;
    return [{ type: 'file', path, mode: modeOf(stat), mtime: String(stat.mtimeNs), seen: seenOf(stat), ...file }];
  });
  const kept = withoutLostLinks(entries);
  return { manifest: compact({ format: 1, packs, entries: kept }), skipped, files: kept.filter(({ type }) => type === 'file').length, bytes, storedBytes };
}

const modeOf = (stat: BigIntStats): number => Number(stat.mode) & 0o7777;
const seenOf = (stat: BigIntStats): string => `${stat.dev}:${stat.ino}:${stat.ctimeNs}`;

/** The file that was looked at, and nothing that took its place. */
async function openRegular(path: Buffer, stat: BigIntStats): Promise<FileHandle | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  const now = await file?.stat({ bigint: true });
  if (now?.isFile() && now.ino === stat.ino && now.dev === stat.dev) return file;
  await file?.close();
  return undefined;
}

async function hashOf(file: FileHandle, size: number): Promise<string | undefined> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, size) || 1);
  let read = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, read);
    if (bytesRead === 0) break;
    read += bytesRead;
    hash.update(buffer.subarray(0, bytesRead));
  }
  return read === size ? hash.digest('hex') : undefined;
}

const compressPiece = promisify(zstdCompress);

/** The content as zstd frames; frames behind one another decompress to the whole. */
async function* frames(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE, size) || 1);
  let read = 0;
  do {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, size - read), read);
    read += bytesRead;
    yield await compressPiece(piece.subarray(0, bytesRead), { params: { [zlib.ZSTD_c_compressionLevel]: 1 } });
    if (bytesRead === 0) return;
  } while (read < size);
}

/** A link whose file could not be kept goes, too. */
function withoutLostLinks(entries: readonly Entry[]): Entry[] {
  const files = new Set(entries.flatMap((entry) => (entry.type === 'file' ? [entry.path] : [])));
  return entries.filter((entry) => entry.type !== 'link' || files.has(entry.to));
}

/** Blobs that nothing names any more are left out of the manifest; their rows go with them. */
function compact(manifest: Manifest): Manifest {
  const used = new Set(manifest.entries.flatMap((entry) => (entry.type === 'file' ? [entry.content.pack] : [])));
  const order = [...used].sort((left, right) => left - right);
  const place = new Map(order.map((pack, index) => [pack, index]));
  return {
    format: 1,
    packs: order.map((pack) => manifest.packs[pack] ?? ''),
    entries: manifest.entries.map((entry) =>
      entry.type === 'file' ? { ...entry, content: { ...entry.content, pack: place.get(entry.content.pack) ?? 0 } } : entry,
    ),
  };
}
