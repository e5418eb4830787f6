import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, open as openFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createZstdDecompress, zstdDecompress } from 'node:zlib';
import { RondoError } from '../../workflows/contract/errors.js';
import { createLanes, type Lanes } from './lanes.js';
import type { FileEntry, Pack } from './manifest.js';

/** A part of a blob, with both ends; `undefined` where it is gone. */
export type OpenBlob = (key: string, range: { readonly start: number; readonly end: number }) => Promise<AsyncIterable<Uint8Array> | undefined>;

export interface UnpackOptions {
  readonly contents: readonly FileEntry[];
  readonly packs: readonly Pack[];
  readonly at: (path: string) => Buffer;
  readonly open: OpenBlob;
  readonly signal: AbortSignal | undefined;
}

/** Contents with less between them are read in one go: a store that is far away takes longer to be asked than to send. */
const LARGEST_GAP = 256 * 1024;
/** Up to here a content is decompressed in memory: it is one frame. */
const SMALL = 4 * 1024 * 1024;

/** Makes new files of stored contents, each pack read forward. Rejects for a content that is gone or was changed. */
export async function unpackContents({ contents, packs, at, open, signal }: UnpackOptions): Promise<void> {
  for (const run of runsOf(contents)) {
    const { pack, offset: start } = run[0]?.[0]?.content ?? { pack: -1, offset: 0 };
    const last = run.at(-1)?.[0]?.content ?? { offset: 0, length: 0 };
    const key = packs[pack]?.key;
    const source = key === undefined ? undefined : await open(key, { start, end: last.offset + last.length - 1 });
    if (!source) throw changed(run[0]?.[0], 'is gone');
    const reader = createReader(source, start);
    const writing = createLanes();
    try {
      for (const same of run) {
        signal?.throwIfAborted();
        await unpackOne(same, reader, at, writing);
      }
    } finally {
      await reader.close();
      await writing.end();
    }
  }
}

/** The files of each content, in the order in which contents lie in packs, cut where two are far apart. */
function runsOf(contents: readonly FileEntry[]): FileEntry[][][] {
  const sorted = contents.toSorted((left, right) => left.content.pack - right.content.pack || left.content.offset - right.content.offset);
  const runs: FileEntry[][][] = [];
  let previous: FileEntry['content'] | undefined;
  for (const entry of sorted) {
    const { content } = entry;
    const isSame = previous?.pack === content.pack && previous.offset === content.offset;
    const gap = previous?.pack === content.pack ? content.offset - previous.offset - previous.length : Number.POSITIVE_INFINITY;
    if (isSame) runs.at(-1)?.at(-1)?.push(entry);
    else if (gap >= 0 && gap <= LARGEST_GAP) runs.at(-1)?.push([entry]);
    else runs.push([[entry]]);
    previous = content;
  }
  return runs;
}

type Reader = ReturnType<typeof createReader>;

/** Reads forward in a part of a blob that begins at `position`. */
function createReader(source: AsyncIterable<Uint8Array>, position: number) {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Uint8Array = Buffer.alloc(0);

  async function* take(length: number): AsyncGenerator<Uint8Array> {
    for (let wanted = length; wanted > 0; ) {
      if (rest.byteLength === 0) {
        const next = await chunks.next();
        if (next.done) return;
        rest = next.value;
        continue;
      }
      const piece = rest.subarray(0, wanted);
      rest = rest.subarray(piece.byteLength);
      wanted -= piece.byteLength;
      position += piece.byteLength;
      yield piece;
    }
  }

  return {
    async *from(offset: number, length: number): AsyncGenerator<Uint8Array> {
      for await (const _skipped of take(offset - position));
      yield* take(length);
    },
    close: async () => void (await chunks.return?.()),
  };
}

/** One content, for all files that have it. */
async function unpackOne(files: readonly FileEntry[], reader: Reader, at: UnpackOptions['at'], lanes: Lanes): Promise<void> {
  const [first, ...others] = files;
  if (!first) return;
  if (others.some(({ sha256, size }) => sha256 !== first.sha256 || size !== first.size)) throw changed(first, 'is not what it should be');
  const stored = reader.from(first.content.offset, first.content.length);
  if (first.size > SMALL) {
    await writeNew(at(first.path), (file) => unpackLarge(stored, file, first));
    for (const { path } of others) await copyFile(at(first.path), at(path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return;
  }
  // The next content is read meanwhile, so this one must be in memory first.
  const pieces: Uint8Array[] = [];
  for await (const piece of stored) pieces.push(piece);
  await lanes.add(async () => {
    const bytes = await unpackSmall(Buffer.concat(pieces), first);
    for (const { path } of files) await writeNew(at(path), (file) => writeAll(file, bytes));
  });
}

async function writeNew(path: Buffer, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await openFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.byteLength; ) sent += (await file.write(bytes, sent)).bytesWritten;
}

const decompress = promisify(zstdDecompress);

async function unpackSmall(stored: Buffer, entry: FileEntry): Promise<Buffer> {
  const bytes = await decompress(stored, { maxOutputLength: Math.max(entry.size, 1) }).catch(() => undefined);
  if (!bytes || createHash('sha256').update(bytes).digest('hex') !== entry.sha256) throw changed(entry, 'was changed');
  return bytes;
}

async function unpackLarge(stored: AsyncIterable<Uint8Array>, file: FileHandle, entry: FileEntry): Promise<void> {
  const hash = createHash('sha256');
  let written = 0;
  await pipeline(stored, createZstdDecompress(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > entry.size) throw changed(entry, 'is longer than it should be');
      hash.update(chunk);
      await writeAll(file, chunk);
    }
  });
  if (hash.digest('hex') !== entry.sha256) throw changed(entry, 'was changed');
}

const changed = (entry: FileEntry | undefined, what: string): RondoError =>
  new RondoError('checkpoint.broken', `The checkpoint cannot be restored: the content of ${JSON.stringify(entry?.path.slice(0, 200) ?? '')} ${what}.`);
