import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { RondoError } from '../../workflows/contract/errors.js';
import type { FileEntry, Manifest } from './manifest.js';
import type { OpenBlob } from './unpack.js';

/**
 * The bytes of one file of a checkpoint, checked by length and hash when they end. `path` as people write it. Errors:
 * `file.not_found`; `request.conflict` for what is no file; `checkpoint.broken`.
 */
export async function readEntry({ entries, packs }: Manifest, path: string, open: OpenBlob): Promise<AsyncIterable<Uint8Array>> {
  const name = Buffer.from(path).toString('latin1');
  const shown = path.slice(path.indexOf('/') + 1);
  const found = entries.find((entry) => entry.path === name);
  const entry = found?.type === 'link' ? entries.find((other) => other.path === found.to) : found;
  if (!entry) throw new RondoError('file.not_found', `There is no file ${shown} in the workspace.`);
  if (entry.type !== 'file') throw new RondoError('request.conflict', `${shown} is no regular file; links are not followed.`);
  const { pack, offset, length } = entry.content;
  const source = await open(packs[pack]?.key ?? '', { start: offset, end: offset + length - 1 });
  if (!source) throw broken(shown, 'is gone');
  return checked(source, entry, shown);
}

async function* checked(source: AsyncIterable<Uint8Array>, entry: FileEntry, shown: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const stored = Readable.from(source);
  const unpacked = stored.pipe(createZstdDecompress());
  stored.once('error', (error) => unpacked.destroy(error));
  let bytes = 0;
  try {
    for await (const piece of unpacked as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > entry.size) break;
      hash.update(piece);
      yield piece;
    }
  } finally {
    stored.destroy();
  }
  if (bytes !== entry.size || hash.digest('hex') !== entry.sha256) throw broken(shown, 'was changed');
}

const broken = (path: string, what: string): RondoError => new RondoError('checkpoint.broken', `The content of ${path} in the checkpoint ${what}.`);
