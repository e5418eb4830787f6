import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createZstdCompress, constants as zlib, zstdCompress } from 'node:zlib';
import type { Content, FileEntry } from './manifest.js';
import { locate, openInPlace, type Skipped, type Trees } from './scan.js';

/** A content of this size is compressed in memory; a larger one as it is read, so that memory stays flat. */
const PIECE = 4 * 1024 * 1024;
/** What is read, and handed on, at once of a larger one. */
const CHUNK = 1024 * 1024;

/** Where the content of a file was put. */
export type Written = Pick<FileEntry, 'size' | 'sha256' | 'content'>;

export interface PackOptions {
  readonly files: readonly { readonly path: string; readonly stat: BigIntStats }[];
  readonly trees: Trees;
  /** The place of this pack in the manifest. */
  readonly pack: number;
  /** Contents that are stored already, by their hash; what is stored here is added. */
  readonly stored: Map<string, Content>;
  readonly onWritten: (path: string, written: Written) => void;
  readonly onSkipped: (skipped: Skipped) => void;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of a pack: the contents of files one after another, each compressed by itself and there but once. */
export async function* contentsOf(options: PackOptions): AsyncGenerator<Uint8Array> {
  const { trees, pack, stored, onWritten, onSkipped, signal } = options;
  let position = 0;
  for (const { path, stat } of options.files) {
    signal?.throwIfAborted();
    const size = Number(stat.size);
    const file = await openRegular(locate(trees, path), stat);
    if (!file) {
      onSkipped({ path, why: 'unreadable' });
      continue;
    }
    try {
      const sha256 = await hashOf(file, size, signal);
      if (sha256 === undefined) {
        onSkipped({ path, why: 'changed' });
        continue;
      }
      const known = stored.get(sha256);
      const offset = position;
      if (!known) {
        for await (const chunk of frameOf(file, size, signal)) {
          position += chunk.byteLength;
          yield chunk;
        }
      }
      const content = known ?? { pack, offset, length: position - offset };
      stored.set(sha256, content);
      onWritten(path, { size, sha256, content });
    } finally {
      await file.close();
    }
  }
}

/** The file that was looked at, and nothing that took its place. */
async function openRegular(path: Buffer, stat: BigIntStats): Promise<FileHandle | undefined> {
  const file = await openInPlace(path);
  const now = await file?.stat({ bigint: true });
  if (now?.isFile() && now.ino === stat.ino && now.dev === stat.dev) return file;
  await file?.close();
  return undefined;
}

/** Nothing when the file is not as long as it was. */
async function hashOf(file: FileHandle, size: number, signal: AbortSignal | undefined): Promise<string | undefined> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, size) || 1);
  let read = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, read);
    if (bytesRead === 0) break;
    read += bytesRead;
    hash.update(buffer.subarray(0, bytesRead));
  }
  return read === size ? hash.digest('hex') : undefined;
}

const compress = promisify(zstdCompress);
const params = { [zlib.ZSTD_c_compressionLevel]: 1 };

/** The content as one zstd frame: Node's decompression may end after the first of several. */
async function* frameOf(file: FileHandle, size: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (size <= PIECE) {
    const pieces = [];
    for await (const piece of piecesOf(file, size, signal)) pieces.push(piece);
    yield await compress(Buffer.concat(pieces), { params });
    return;
  }
  const source = Readable.from(piecesOf(file, size, signal));
  const compressor = createZstdCompress({ params, chunkSize: CHUNK });
  source.once('error', (error) => compressor.destroy(error));
  try {
    for await (const chunk of source.pipe(compressor) as AsyncIterable<Buffer>) yield chunk;
  } finally {
    source.destroy();
  }
}

/** Each in memory of its own, since it is still read from while the next one is on its way. */
async function* piecesOf(file: FileHandle, size: number, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for (let read = 0; read < size; ) {
    signal?.throwIfAborted();
    const piece = Buffer.allocUnsafe(Math.min(CHUNK, size - read));
    const { bytesRead } = await file.read(piece, 0, piece.length, read);
    if (bytesRead === 0) return;
    read += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
