import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeCheckpoint } from './checkpoint.js';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.js';
import { restoreCheckpoint } from './restore.js';

let root: string;
let source: string;
const blobs = new Map<string, Buffer>();
const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rondo-checkpoint-'));
  source = join(root, 'source');
  mkdirSync(source);
  blobs.clear();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function keep(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const key = `blob_${blobs.size}`;
  blobs.set(key, Buffer.concat(chunks));
  return key;
}

const take = (previous?: Manifest, maximumBytes = 1e12) => takeCheckpoint({ trees: { workspace: source }, previous, keep, maximumBytes });

async function restore(manifest: Manifest, name = 'restored'): Promise<string> {
  const directory = join(root, name);
  mkdirSync(directory);
  const open = async (key: string, { start, end }: { start: number; end: number }) => {
    const blob = blobs.get(key);
    return (
      blob &&
      (async function* () {
        yield blob.subarray(start, end + 1);
      })()
    );
  };
  await restoreCheckpoint({ manifest: await decodeManifest(await encodeManifest(manifest)), trees: { workspace: directory }, user, open });
  return directory;
}

/** Type, mode, size, time in microseconds, target and hash of everything in a tree, by another program than ours. */
const listing = (directory: string): string =>
  execFileSync(
    'bash',
    [
      '-c',
      `find . -mindepth 1 -printf '%y %m %TY-%Tm-%Td %TT %l %P\\n' | sed -E 's/(:[0-9]{2}\\.[0-9]{6})[0-9]*/\\1/' | LC_ALL=C sort -k6; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum`,
    ],
    { cwd: directory, encoding: 'latin1' },
  );

describe('a checkpoint', () => {
  it('gives back contents, modes, links, times and odd names, byte for byte', async () => {
    mkdirSync(join(source, 'deep/er'), { recursive: true });
    writeFileSync(join(source, 'deep/er/text.txt'), 'hello');
    writeFileSync(join(source, 'empty'), '');
    writeFileSync(join(source, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(source, 'new\nline and ümlaut'), 'x');
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe, 0x80])]), 'not UTF-8');
    writeFileSync(join(source, 'big.bin'), randomBytes(9_000_000));
    truncateSync(join(source, 'empty'), 3_000_000);
    symlinkSync('/etc/passwd', join(source, 'outside'));
    symlinkSync('deep/er', join(source, 'inside'));
    symlinkSync('nowhere', join(source, 'dangling'));
    linkSync(join(source, 'run.sh'), join(source, 'same.sh'));
    utimesSync(join(source, 'run.sh'), 1_000_000_000.123456, 1_000_000_000.123456);
    lutimesSync(join(source, 'dangling'), 1_100_000_000, 1_100_000_000);
    chmodSync(join(source, 'deep'), 0o2750);
    utimesSync(join(source, 'deep'), 1_200_000_000, 1_200_000_000);
    const { manifest, skipped, files } = await take();
    expect(skipped).toEqual([]);
    expect(files).toBe(6);
    const directory = await restore(manifest);
    expect(listing(directory)).toBe(listing(source));
    const inode = (name: string) => execFileSync('stat', ['-c', '%i', join(directory, name)], { encoding: 'utf8' });
    expect(inode('same.sh')).toBe(inode('run.sh'));
  });

  it('stores a large content as one zstd frame, since what comes behind the first may not be read', async () => {
    writeFileSync(join(source, 'large'), '');
    truncateSync(join(source, 'large'), 9_000_001);
    const { manifest } = await take();
    expect(
      blobs
        .get('blob_0')
        ?.toString('latin1')
        .split(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]).toString('latin1')),
    ).toHaveLength(2);
    expect(listing(await restore(manifest))).toBe(listing(source));
  });

  it('stores only what changed since the one before', async () => {
    writeFileSync(join(source, 'large'), randomBytes(5_000_000));
    for (let index = 0; index < 200; index += 1) writeFileSync(join(source, `small${index}`), `content ${index}`);
    const first = await take();
    expect(first.storedBytes).toBeGreaterThan(5_000_000);
    writeFileSync(join(source, 'small7'), 'other');
    const second = await take(first.manifest);
    expect(second.storedBytes).toBeLessThan(100);
    expect(second.manifest.packs).toHaveLength(2);
    expect(listing(await restore(second.manifest))).toBe(listing(source));
    const third = await take(second.manifest);
    expect([third.storedBytes, blobs.size]).toEqual([0, 2]);
  });

  it('stores a content once, however often and wherever it lies, also after it moved', async () => {
    const content = randomBytes(1_000_000);
    writeFileSync(join(source, 'a'), content);
    writeFileSync(join(source, 'b'), content);
    const first = await take();
    expect(first.storedBytes).toBeLessThan(1_100_000);
    mkdirSync(join(source, 'moved'));
    execFileSync('mv', [join(source, 'a'), join(source, 'moved/a')]);
    const second = await take(first.manifest);
    expect(second.storedBytes).toBe(0);
    expect(listing(await restore(second.manifest))).toBe(listing(source));
  });

  it('forgets blobs that nothing names any more', async () => {
    writeFileSync(join(source, 'a'), randomBytes(1_000));
    const first = await take();
    rmSync(join(source, 'a'));
    writeFileSync(join(source, 'b'), randomBytes(1_000));
    const second = await take(first.manifest);
    expect(second.manifest.packs.map(({ key }) => key)).toEqual(['blob_1']);
    expect(listing(await restore(second.manifest))).toBe(listing(source));
  });

  it('stores the little that is left of a pack anew, so that what was deleted does not stay for good', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), randomBytes(100_000));
    const first = await take();
    for (const name of ['a', 'b']) rmSync(join(source, name));
    const second = await take(first.manifest);
    expect(second.manifest.packs.map(({ key }) => key)).toEqual(['blob_1']);
    expect(second.storedBytes).toBeLessThan(110_000);
    expect(listing(await restore(second.manifest))).toBe(listing(source));
  });

  it('leaves out what it was told to, and what is too deep for a path', async () => {
    mkdirSync(join(source, 'out/side'), { recursive: true });
    writeFileSync(join(source, 'kept'), 'x');
    execFileSync('bash', ['-c', 'for i in $(seq 30); do mkdir $(printf d%.0s {1..200}) && cd -P d*; done; echo deep > file'], { cwd: source });
    const { manifest, skipped } = await takeCheckpoint({
      trees: { workspace: source },
      without: ['workspace/out'],
      previous: undefined,
      keep,
      maximumBytes: 1e9,
    });
    expect(skipped).toMatchObject([{ why: 'unreadable' }]);
    expect(manifest.entries.map(({ path }) => path)).toContain('workspace/kept');
    expect(manifest.entries.map(({ path }) => path)).not.toContain('workspace/out');
    execFileSync('rm', ['-rf', source]);
  });

  it('ends when it is told to', async () => {
    writeFileSync(join(source, 'a'), 'x');
    const ended = takeCheckpoint({
      trees: { workspace: source },
      previous: undefined,
      keep,
      maximumBytes: 1e9,
      signal: AbortSignal.abort(new Error('enough')),
    });
    await expect(ended).rejects.toThrow('enough');
  });

  it('notices a change that hides behind the old time', async () => {
    writeFileSync(join(source, 'a'), 'first');
    utimesSync(join(source, 'a'), 1_000_000_000, 1_000_000_000);
    const first = await take();
    writeFileSync(join(source, 'a'), 'secnd');
    utimesSync(join(source, 'a'), 1_000_000_000, 1_000_000_000);
    const second = await take(first.manifest);
    expect(listing(await restore(second.manifest))).toBe(listing(source));
  });

  it('leaves out what cannot be kept and says so: pipes, and what is beyond the bound', async () => {
    execFileSync('bash', ['-c', 'mkfifo "$0"', join(source, 'pipe')]);
    writeFileSync(join(source, 'fits'), 'x'.repeat(10));
    writeFileSync(join(source, 'too-much'), 'x'.repeat(100));
    const { manifest, skipped } = await take(undefined, 50);
    expect(skipped).toEqual([
      { path: 'workspace/pipe', why: 'special_file' },
      { path: 'workspace/too-much', why: 'too_large' },
    ]);
    expect(manifest.entries.map(({ path }) => path)).toEqual(['workspace', 'workspace/fits']);
  });

  it('keeps any tree of small files', async () => {
    const name = fc.stringMatching(/^[a-z.]{1,6}$/).filter((text) => !/^\.+$/.test(text));
    const tree = fc.dictionary(name, fc.uint8Array({ maxLength: 300 }), { maxKeys: 12 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(tree, tree, async (before, after) => {
        round += 1;
        rmSync(source, { recursive: true });
        mkdirSync(source);
        for (const [file, content] of Object.entries(before)) writeFileSync(join(source, file), content);
        const first = await take();
        for (const file of Object.keys(before)) if (!(file in after)) rmSync(join(source, file));
        for (const [file, content] of Object.entries(after)) writeFileSync(join(source, file), content);
        const second = await take(first.manifest);
        expect(listing(await restore(second.manifest, `round${round}`))).toBe(listing(source));
      }),
      { numRuns: 25 },
    );
  });
});

describe('a restore refuses', () => {
  const file = (path: string) => ({
    type: 'file' as const,
    path: `workspace/${path}`,
    mode: 0o644,
    mtime: '0',
    size: 0,
    sha256: '0'.repeat(64),
    seen: '',
    content: { pack: 0, offset: 0, length: 1 },
  });
  const rootNamed = (path: string) => ({ type: 'directory' as const, path, mode: 0o755, mtime: '0' });
  const top = rootNamed('workspace');
  const link = (path: string, target: string) => ({ type: 'symlink' as const, path, target, mtime: '0' });
  const manifest = (...entries: Manifest['entries']): Manifest => ({ format: 1, packs: [{ key: 'blob_0', bytes: 1 }], entries });

  it.each<[string, Manifest]>([
    ['a way out', manifest(top, file('../evil'))],
    ['a tree that it was not given', manifest(rootNamed('evil'))],
    ['a link in the place of a tree', manifest(link('workspace', '/etc'))],
    ['an empty name', manifest(top, file('/etc/evil'))],
    ['a directory that is not there', manifest(top, file('a/b'))],
    ['a way through a link', manifest(top, link('workspace/a', '/etc'), file('a/evil'))],
    ['a link to what is not in it', manifest(top, { type: 'link', path: 'workspace/a', to: '/etc/passwd' })],
    ['a name given twice', manifest(top, link('workspace/a', '/etc/passwd'), file('a'))],
  ])('%s', async (_what, hostile) => {
    blobs.set('blob_0', Buffer.alloc(1));
    await expect(restore(hostile)).rejects.toThrow();
    expect(() => execFileSync('test', ['-e', join(root, 'evil')])).toThrow();
  });

  it('contents that were changed or are gone', async () => {
    writeFileSync(join(source, 'a'), 'content');
    const { manifest: kept } = await take();
    const before = blobs.get('blob_0') ?? Buffer.alloc(0);
    blobs.set('blob_0', Buffer.concat([before.subarray(0, -1), Buffer.from([(before.at(-1) ?? 0) ^ 1])]));
    await expect(restore(kept, 'changed')).rejects.toThrow();
    blobs.clear();
    await expect(restore(kept, 'gone')).rejects.toMatchObject({ code: 'checkpoint.broken' });
  });
});
