import type { BigIntStats } from 'node:fs';
import type { Content, Entry, FileEntry, Manifest, Pack } from './manifest.js';
import { contentsOf, type Written } from './pack.js';
import { realTrees, type Skipped, scan, type Trees } from './scan.js';

const LARGEST_INODE_COUNT = 400_000;
/** A pack of which less than this part is still named is given up, and what it has left is stored anew. */
const LEAST_USED = 0.5;

export interface CheckpointOptions {
  /** Directories in which nothing runs any more, by the name they have in the manifest. */
  readonly trees: Trees;
  /** Paths that are left out with all below them. */
  readonly without?: readonly string[];
  /** The state kept last: what has not changed since is neither read nor stored. */
  readonly previous: Manifest | undefined;
  /** Streams the new contents into one blob; answers its key. Called only when there are any. */
  readonly keep: (source: AsyncIterable<Uint8Array>) => Promise<string>;
  /** Bytes of all files together; what is beyond is left out, and said. */
  readonly maximumBytes: number;
  /** Ends it between two files or pieces; nothing is kept then. */
  readonly signal?: AbortSignal;
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

/** A file that was found; `same` is what is known of it when it has not been touched since. */
interface Candidate {
  readonly type: 'candidate';
  readonly path: string;
  readonly stat: BigIntStats;
  readonly same: FileEntry | undefined;
}

/** The state of directories, as a manifest and one blob with what is new in them. Nothing of them is changed. */
export async function takeCheckpoint(options: CheckpointOptions): Promise<Checkpoint> {
  const { previous, keep, signal } = options;
  const trees = await realTrees(options.trees);
  const { drafts, skipped, bytes } = await look({ ...options, trees });
  const candidates = drafts.flatMap((draft) => (draft.type === 'candidate' ? [draft] : []));
  const sparse = sparsePacks(previous, candidates);
  const isKnown = ({ content }: FileEntry) => !sparse.has(content.pack);
  const packs: Pack[] = [...(previous?.packs ?? [])];
  const stored = new Map(fileEntries(previous).flatMap((entry): [string, Content][] => (isKnown(entry) ? [[entry.sha256, entry.content]] : [])));
  const written = new Map<string, Written>();
  const stream = contentsOf({
    files: candidates.filter(({ same }) => !same || !isKnown(same)),
    trees,
    pack: packs.length,
    stored,
    onWritten: (path, content) => written.set(path, content),
    onSkipped: (what) => skipped.push(what),
    signal,
  });
  // Without anything new no blob is made.
  const first = await stream.next();
  if (!first.done) {
    const storing = counted(first.value, stream);
    packs.push({ key: await keep(storing.chunks), bytes: storing.bytes() });
  }
  signal?.throwIfAborted();

  const entries = drafts.flatMap((draft): Entry[] => {
    if (draft.type !== 'candidate') return [draft];
    const { path, stat, same } = draft;
    const file = same && isKnown(same) ? same : written.get(path);
    return file ? [{ ...file, type: 'file', path, mode: modeOf(stat), mtime: String(stat.mtimeNs), seen: seenOf(stat) }] : [];
  });
  const kept = withoutLostLinks(entries);
  return {
    manifest: withoutUnusedPacks({ format: 1, packs, entries: kept }),
    skipped,
    files: kept.filter(({ type }) => type === 'file').length,
    bytes,
    storedBytes: packs[previous?.packs.length ?? 0]?.bytes ?? 0,
  };
}

/** What there is, without reading any file. */
async function look({ trees, without = [], previous, maximumBytes, signal }: CheckpointOptions) {
  const skipped: Skipped[] = [];
  const known = new Map(fileEntries(previous).map((entry) => [entry.path, entry]));
  const names = new Map<string, string>();
  const drafts: (Exclude<Entry, FileEntry> | Candidate)[] = [];
  let bytes = 0;
  for await (const { path, stat, target } of scan({ trees, without, most: LARGEST_INODE_COUNT, skip: (what) => skipped.push(what) })) {
    signal?.throwIfAborted();
    const mtime = String(stat.mtimeNs);
    const otherName = stat.nlink > 1n ? names.get(seenOf(stat)) : undefined;
    if (target !== undefined) drafts.push({ type: 'symlink', path, target, mtime });
    else if (stat.isDirectory()) drafts.push({ type: 'directory', path, mode: modeOf(stat), mtime });
    else if (otherName !== undefined) drafts.push({ type: 'link', path, to: otherName });
    else if (bytes + Number(stat.size) > maximumBytes) skipped.push({ path, why: 'too_large' });
    else {
      bytes += Number(stat.size);
      if (stat.nlink > 1n) names.set(seenOf(stat), path);
      const before = known.get(path);
      const same = before?.seen === seenOf(stat) && before.size === Number(stat.size) && before.mtime === mtime ? before : undefined;
      drafts.push({ type: 'candidate', path, stat, same });
    }
  }
  return { drafts, skipped, bytes };
}

/** Packs that hold mostly what nothing names any more: they would keep the bytes of deleted files for good. */
function sparsePacks(previous: Manifest | undefined, candidates: readonly Candidate[]): ReadonlySet<number> {
  const used = new Map<number, Map<number, number>>();
  for (const { same } of candidates) {
    if (!same) continue;
    const { pack, offset, length } = same.content;
    used.set(pack, (used.get(pack) ?? new Map<number, number>()).set(offset, length));
  }
  const sizeOf = (pack: number) => [...(used.get(pack)?.values() ?? [])].reduce((sum, length) => sum + length, 0);
  return new Set((previous?.packs ?? []).flatMap(({ bytes }, pack) => (sizeOf(pack) < bytes * LEAST_USED ? [pack] : [])));
}

function counted(first: Uint8Array, rest: AsyncIterable<Uint8Array>) {
  let bytes = 0;
  const chunks = async function* () {
    bytes += first.byteLength;
    yield first;
    for await (const chunk of rest) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  };
  return { chunks: chunks(), bytes: () => bytes };
}

const fileEntries = (manifest: Manifest | undefined): FileEntry[] => (manifest?.entries ?? []).flatMap((entry) => (entry.type === 'file' ? [entry] : []));
const modeOf = (stat: BigIntStats): number => Number(stat.mode) & 0o7777;
const seenOf = (stat: BigIntStats): string => `${stat.dev}:${stat.ino}:${stat.ctimeNs}`;

/** A link whose file could not be kept goes, too. */
function withoutLostLinks(entries: readonly Entry[]): Entry[] {
  const files = new Set(entries.flatMap((entry) => (entry.type === 'file' ? [entry.path] : [])));
  return entries.filter((entry) => entry.type !== 'link' || files.has(entry.to));
}

/** Blobs that nothing names any more are left out of the manifest; their rows go with them. */
function withoutUnusedPacks({ packs, entries }: Manifest): Manifest {
  const used = [...new Set(entries.flatMap((entry) => (entry.type === 'file' ? [entry.content.pack] : [])))].sort((left, right) => left - right);
  const place = new Map(used.map((pack, index) => [pack, index]));
  const moved = (content: Content): Content => ({ ...content, pack: place.get(content.pack) ?? 0 });
  return {
    format: 1,
    packs: used.flatMap((pack) => packs[pack] ?? []),
    entries: entries.map((entry) => (entry.type === 'file' ? { ...entry, content: moved(entry.content) } : entry)),
  };
}
