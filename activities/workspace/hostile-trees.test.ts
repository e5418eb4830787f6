import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeCheckpoint } from './checkpoint.js';
import { decodeManifest, type FileEntry, type Manifest } from './manifest.js';
import { readEntry } from './read-entry.js';
import { restoreCheckpoint } from './restore.js';
import { scan } from './scan.js';
import type { OpenBlob } from './unpack.js';

let root: string;
let source: string;
let bait: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rondo-hostile-'));
  [source, bait] = [join(root, 'source'), join(root, 'bait')];
  for (const directory of [source, bait]) mkdirSync(directory);
  writeFileSync(join(bait, 'secret'), 'secret of the host');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const MEBIBYTE = 1_048_576;

/** Replaces a directory of the tree by a link to what no agent may read. */
const swap = (directory: string) => {
  renameSync(directory, `${directory}-before`);
  symlinkSync(bait, directory);
};

describe('a tree that changes while it is looked at', () => {
  it('leads nowhere when a directory becomes a link before its names are read', async () => {
    mkdirSync(join(source, 'folder'));
    writeFileSync(join(source, 'folder/own'), 'x');
    const found: string[] = [];
    const skipped: unknown[] = [];
    for await (const { path } of scan({ trees: { workspace: source }, without: [], most: 100, skip: (what) => skipped.push(what) })) {
      found.push(path);
      if (path === 'workspace/folder') swap(join(source, 'folder'));
    }
    expect(found).toEqual(['workspace', 'workspace/folder']);
    expect(skipped).toEqual([{ path: 'workspace/folder', why: 'unreadable' }]);
  });

  it('gives what was as it was: files that grow, shrink, go or are exchanged meanwhile are left out, and said', async () => {
    const names = ['grown', 'shrunk', 'gone', 'exchanged', 'folder/secret', 'kept'];
    mkdirSync(join(source, 'folder'));
    writeFileSync(join(source, 'a-first'), randomBytes(100_000));
    for (const name of names) writeFileSync(join(source, name), `content of ${name}`);
    const blobs: Buffer[] = [];
    const { manifest, skipped } = await takeCheckpoint({
      trees: { workspace: source },
      previous: undefined,
      maximumBytes: 1e9,
      keep: async (stream) => {
        const pieces = [];
        for await (const piece of stream) {
          if (pieces.push(piece) > 1) continue;
          appendFileSync(join(source, 'grown'), ' and more');
          truncateSync(join(source, 'shrunk'), 3);
          rmSync(join(source, 'gone'));
          rmSync(join(source, 'exchanged'));
          symlinkSync(join(bait, 'secret'), join(source, 'exchanged'));
          swap(join(source, 'folder'));
        }
        blobs.push(Buffer.concat(pieces));
        return 'blob';
      },
    });
    expect(skipped.map(({ path, why }) => [path.slice('workspace/'.length), why]).sort()).toEqual([
      ['exchanged', 'unreadable'],
      ['folder/secret', 'unreadable'],
      ['gone', 'unreadable'],
      ['grown', 'changed'],
      ['shrunk', 'changed'],
    ]);
    const files = manifest.entries.flatMap((entry) => (entry.type === 'file' ? [entry] : []));
    expect(files.map(({ path }) => path)).toEqual(['workspace/a-first', 'workspace/kept']);
    expect(files.map(({ sha256 }) => sha256)).not.toContain(createHash('sha256').update('secret of the host').digest('hex'));
  });
});

it('a file of a terabyte that is all holes costs nothing, and devices and sockets are not opened', async () => {
  writeFileSync(join(source, 'holes'), '');
  truncateSync(join(source, 'holes'), 2 ** 40);
  const special = ['pipe', 'socket'];
  execFileSync('mkfifo', [join(source, 'pipe')]);
  execFileSync('python3', ['-c', `import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])`, join(source, 'socket')]);
  if (user.uid === 0) {
    execFileSync('mknod', [join(source, 'zero'), 'c', '1', '5']);
    special.push('zero');
  }
  const begin = performance.now();
  const { manifest, skipped, storedBytes } = await takeCheckpoint({
    trees: { workspace: source },
    previous: undefined,
    maximumBytes: 10e9,
    keep: async () => 'nothing',
  });
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect([manifest.entries.length, storedBytes]).toEqual([1, 0]);
  expect(skipped).toEqual([{ path: 'workspace/holes', why: 'too_large' }, ...special.map((name) => ({ path: `workspace/${name}`, why: 'special_file' }))]);
});

describe('a stored checkpoint that was forged to burst', () => {
  const bomb = zstdCompressSync(Buffer.alloc(768 * MEBIBYTE));
  const open: OpenBlob = async (_key, { start, end }) =>
    (async function* () {
      yield bomb.subarray(start, end + 1);
    })();
  const forged = (size: number): Manifest => {
    const entry: FileEntry = {
      type: 'file',
      path: 'workspace/bomb',
      mode: 0o644,
      mtime: '0',
      size,
      sha256: '0'.repeat(64),
      seen: '',
      content: { pack: 0, offset: 0, length: bomb.length },
    };
    return { format: 1, packs: [{ key: 'bomb', bytes: bomb.length }], entries: [{ type: 'directory', path: 'workspace', mode: 0o755, mtime: '0' }, entry] };
  };

  it.each([10, 8 * MEBIBYTE])('is not unpacked beyond the %d bytes it names', async (size) => {
    const before = process.memoryUsage().rss;
    await expect(restoreCheckpoint({ manifest: forged(size), trees: { workspace: source }, user, open })).rejects.toMatchObject({ code: 'checkpoint.broken' });
    const written = readdirSync(source).reduce((sum, name) => sum + statSync(join(source, name)).size, 0);
    expect(written).toBeLessThanOrEqual(size);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MEBIBYTE);
  });

  it('is not read beyond it either, and a reader is told', async () => {
    const reading = await readEntry(forged(10), 'workspace/bomb', open);
    await expect(buffer(reading)).rejects.toMatchObject({ code: 'checkpoint.broken' });
  });

  it('is refused as a list, too', async () => {
    await expect(decodeManifest(bomb)).rejects.toThrow();
  });

  it.each(['.', '..', 'a\0b', '', 'a/../b'])('makes nothing under the name %j', async (name) => {
    const manifest: Manifest = {
      format: 1,
      packs: [],
      entries: [
        { type: 'directory', path: 'workspace', mode: 0o755, mtime: '0' },
        { type: 'symlink', path: `workspace/${name}`, target: '/etc', mtime: '0' },
      ],
    };
    await expect(restoreCheckpoint({ manifest, trees: { workspace: source }, user, open })).rejects.toMatchObject({ code: 'checkpoint.broken' });
    expect(readdirSync(source)).toEqual([]);
  });
});
