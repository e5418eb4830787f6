import { chmod, lchown, link, lutimes, mkdir, symlink } from 'node:fs/promises';
import { RondoError } from '../../workflows/contract/errors.js';
import { createLanes } from './lanes.js';
import type { Entry, FileEntry, Manifest } from './manifest.js';
import { locate, type Trees } from './scan.js';
import { type OpenBlob, unpackContents } from './unpack.js';

export interface RestoreOptions {
  readonly manifest: Manifest;
  /** Directories made by us, empty, and seen by no sandbox until this has resolved. */
  readonly trees: Trees;
  /** Whom everything is given to. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly open: OpenBlob;
  readonly signal?: AbortSignal;
}

/**
 * Makes directories what they were at a checkpoint: contents byte for byte and checked by hash, modes, links, times (to the
 * microsecond). Rejects when anything is missing or was changed; the directories are then to be thrown away.
 */
export async function restoreCheckpoint({ manifest, trees, user, open, signal }: RestoreOptions): Promise<void> {
  const at = (path: string) => locate(trees, path);
  const made = new Set<string>();
  const files = new Set<string>();
  for (const entry of manifest.entries) {
    const { path, type } = entry;
    if (!isProper(path, made, trees)) throw broken(`it names ${quoted(path)}`);
    if (type === 'directory') {
      if (!(path in trees)) await mkdir(at(path), { mode: 0o700 });
      made.add(path);
    } else if (path in trees) throw broken(`it makes no directory of ${quoted(path)}`);
    else if (type === 'symlink') await symlink(Buffer.from(entry.target, 'latin1'), at(path));
    else if (type === 'file') files.add(path);
    else if (!files.has(entry.to)) throw broken(`it links to ${quoted(entry.to)}`);
  }
  const contents = manifest.entries.flatMap((entry): FileEntry[] => (entry.type === 'file' ? [entry] : []));
  await unpackContents({ contents, packs: manifest.packs, at, open, signal });
  for (const entry of manifest.entries) if (entry.type === 'link') await link(at(entry.to), at(entry.path));
  const finishOne = (entry: Entry) => finish(at(entry.path), entry, user);
  const lanes = createLanes();
  for (const entry of manifest.entries) if (entry.type !== 'directory') await lanes.add(() => finishOne(entry));
  await lanes.end();
  // From the deepest to the top: what is put into a directory changes its time.
  for (const entry of manifest.entries.toReversed()) if (entry.type === 'directory') await finishOne(entry);
}

/** A tree, or a plain name in a directory that stands before it. */
function isProper(path: string, made: ReadonlySet<string>, trees: Trees): boolean {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return Object.hasOwn(trees, path);
  return !['', '.', '..'].includes(path.slice(slash + 1)) && !path.includes('\0') && made.has(path.slice(0, slash));
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

const quoted = (text: string): string => JSON.stringify(text.slice(0, 200));

const broken = (what: string): RondoError => new RondoError('checkpoint.broken', `The checkpoint cannot be restored: ${what}.`);
