import * as fs from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { createRegular, FileRefused, lstat } from './file-access.js';

const MAX_ENTRIES = 200_000;

/**
 * Unpacks a tar archive into a new directory. Directories, regular files and symbolic links only; a link is made as it is
 * and never gone through. Permissions are reduced to what the owner may execute. Names lose `strip` leading parts.
 */
export async function unpack(directory: string, archive: AsyncIterable<Uint8Array>, strip: number): Promise<void> {
  const entries = extract();
  const feeding = pipeline(Readable.from(archive), entries);
  feeding.catch(() => undefined);
  let count = 0;
  for await (const entry of entries) {
    count += 1;
    if (count > MAX_ENTRIES) throw new FileRefused('too_large', `the archive has more than ${MAX_ENTRIES} entries`);
    await unpackEntry(directory, nameOf(entry.header, strip), entry.header, entry as AsyncIterable<Uint8Array>);
    entry.resume();
  }
  await feeding;
}

async function unpackEntry(directory: string, name: string | undefined, header: Header, content: AsyncIterable<Uint8Array>): Promise<void> {
  if (name === undefined) return;
  const target = path.join(directory, name);
  await makeDirectories(directory, header.type === 'directory' ? name : path.dirname(name));
  switch (header.type) {
    case 'directory':
      return;
    case 'file':
    case 'contiguous-file':
      await fs.rm(target, { force: true });
      await createRegular(target, (header.mode & 0o100) === 0 ? 0o644 : 0o755, content);
      return;
    case 'symlink':
      await fs.rm(target, { force: true });
      await fs.symlink(header.linkname, target);
      return;
    default:
      throw new FileRefused('refused', `the archive holds ${JSON.stringify(header.name)}, a ${header.type}`);
  }
}

/** Undefined for the archive's own top. */
function nameOf({ name }: Header, strip: number): string | undefined {
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (name.startsWith('/') || name.includes('\0') || segments.includes('..')) {
    throw new FileRefused('refused', `the archive holds ${JSON.stringify(name.slice(0, 200))}, which leads out of it`);
  }
  return segments.slice(strip).join('/') || undefined;
}

async function makeDirectories(top: string, name: string): Promise<void> {
  let directory = top;
  for (const segment of name.split('/').filter((part) => part !== '.')) {
    directory = path.join(directory, segment);
    const stat = await lstat(directory);
    if (stat === undefined) await fs.mkdir(directory, 0o755);
    else if (!stat.isDirectory()) throw new FileRefused('refused', `the archive holds something below ${JSON.stringify(name)}, which is not a directory`);
  }
}
