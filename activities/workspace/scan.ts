import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';

/** Something found in a directory tree. `path` is relative, one character for each byte. */
export interface Found {
  readonly path: string;
  readonly stat: BigIntStats;
  /** Of a symbolic link, one character for each byte. */
  readonly target?: string;
}

/** What a tree has that a checkpoint does not keep, and why. */
export interface Skipped {
  readonly path: string;
  readonly why: 'special_file' | 'unreadable' | 'too_many' | 'too_large' | 'changed';
}

/** A path of bytes below a root, for the file system. */
export const toBytes = (root: string, path: string): Buffer => Buffer.concat([Buffer.from(path === '' ? root : `${root}/`), Buffer.from(path, 'latin1')]);

/**
 * Everything below a directory in which nothing runs any more: directories before what is in them, names in the order of
 * their bytes. No link is followed. At most `most` entries are given.
 */
export async function* scan(root: string, most: number, skip: (skipped: Skipped) => void): AsyncGenerator<Found> {
  let count = 0;
  async function* below(directory: string): AsyncGenerator<Found> {
    const names = await readdir(toBytes(root, directory), { encoding: 'buffer' }).catch(() => undefined);
    if (!names) return skip({ path: directory, why: 'unreadable' });
    for (const name of names.map((bytes) => bytes.toString('latin1')).sort()) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (count >= most) return skip({ path: directory, why: 'too_many' });
      const stat = await lstat(toBytes(root, path), { bigint: true });
      const isKept = stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
      if (!isKept) {
        skip({ path, why: 'special_file' });
        continue;
      }
      count += 1;
      const target = stat.isSymbolicLink() ? (await readlink(toBytes(root, path), { encoding: 'buffer' })).toString('latin1') : undefined;
      yield { path, stat, ...(target === undefined ? {} : { target }) };
      if (stat.isDirectory()) yield* below(path);
    }
  }
  yield* below('');
}
