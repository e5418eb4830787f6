import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readlink, realpath } from 'node:fs/promises';

/**
 * Host directories by the name they have in paths: `{ workspace: '/…' }` makes `workspace/a` of `/…/a`. Their own names must
 * lie where no sandbox can write.
 */
export type Trees = Readonly<Record<string, string>>;

/** Something found in a directory tree. `path` begins with the tree's name, one character for each byte. */
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

export interface ScanOptions {
  readonly trees: Trees;
  /** Paths that are left out with all below them, without a word. */
  readonly without: readonly string[];
  /** How many entries are given at most. */
  readonly most: number;
  readonly skip: (skipped: Skipped) => void;
}

/** Where a path lies on the host, as bytes for the file system. */
export function locate(trees: Trees, path: string): Buffer {
  const slash = path.indexOf('/');
  const tree = trees[slash < 0 ? path : path.slice(0, slash)];
  if (tree === undefined) throw new Error(`There is no tree of ${JSON.stringify(path.slice(0, 200))}.`);
  return slash < 0 ? Buffer.from(tree) : Buffer.concat([Buffer.from(tree), Buffer.from(path.slice(slash), 'latin1')]);
}

/**
 * Everything in trees in which nothing runs any more, with the trees themselves: directories before what is in them, names
 * in the order of their bytes. No link is followed. What cannot be looked at, also because its path is too long, is skipped.
 * However deep the tree and however many the names: time and memory follow `most`.
 */
export async function* scan({ trees, without, most, skip }: ScanOptions): AsyncGenerator<Found> {
  const leftOut = new Set(without);
  const waiting = Object.keys(trees).toReversed();
  let count = 0;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (leftOut.has(path)) continue;
    if (count >= most) return skip({ path, why: 'too_many' });
    const name = locate(trees, path);
    const stat = await lstat(name, { bigint: true }).catch(() => undefined);
    const isKept = stat && (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink());
    if (!isKept) {
      skip({ path, why: stat ? 'special_file' : 'unreadable' });
      continue;
    }
    const target = stat.isSymbolicLink() ? (await readlink(name, { encoding: 'buffer' })).toString('latin1') : undefined;
    count += 1;
    yield { path, stat, ...(target === undefined ? {} : { target }) };
    if (!stat.isDirectory()) continue;
    const names = await namesIn(name, most + 1 - count);
    if (names) for (const below of inReverse(path, names)) waiting.push(below);
    else skip({ path, why: 'unreadable' });
  }
}

async function namesIn(directory: Buffer, most: number): Promise<string[] | undefined> {
  const names: string[] = [];
  const handle = await openInPlace(directory, constants.O_DIRECTORY);
  if (!handle) return undefined;
  try {
    for await (const { name } of await opendir(`/proc/self/fd/${handle.fd}`, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 })) {
      names.push(Buffer.from(name).toString('latin1'));
      if (names.length >= most) break;
    }
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
  return names;
}

/**
 * Opens what lies at a path and nowhere else: nothing that a link leads to, also not one that has just been put in the place of
 * a directory above. Nothing where that cannot be done. Never waits for the other side of a pipe.
 */
export async function openInPlace(path: Buffer, flags = 0): Promise<FileHandle | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | flags).catch(() => undefined);
  const opened = handle && (await readlink(`/proc/self/fd/${handle.fd}`, { encoding: 'buffer' }).catch(() => undefined));
  if (opened?.equals(path)) return handle;
  await handle?.close();
  return undefined;
}

/** Trees by their real paths, which is how the kernel names what is opened. */
export async function realTrees(trees: Trees): Promise<Trees> {
  const real = Object.entries(trees).map(async ([name, directory]) => [name, await realpath(directory).catch(() => directory)] as const);
  return Object.fromEntries(await Promise.all(real));
}

function* inReverse(directory: string, names: string[]): Generator<string> {
  for (const name of names.sort().toReversed()) yield `${directory}/${name}`;
}
