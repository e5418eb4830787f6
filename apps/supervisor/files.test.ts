import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clearStaging } from './file-access.js';
import { createFiles, type Files } from './files.js';

let root: string;
let outside: string;
let files: Files;
beforeEach(() => {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-files-')));
  root = path.join(directory, 'root');
  outside = path.join(directory, 'outside');
  fs.mkdirSync(root);
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'secret'), 'secret');
  files = createFiles([root]);
});
afterEach(() => fs.rmSync(path.dirname(root), { recursive: true }));

async function* bytes(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

const at = (name: string) => path.join(root, name);
const aPipe = (file: string) => execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', file]);
const staged = () => fs.readdirSync(at('.rondo/staging'));
const refused = (code: string) => expect.objectContaining({ code });
const readAll = async (name: string, maximumBytes = 1000) => {
  const pieces: Uint8Array[] = [];
  await files.read(name, maximumBytes, async (piece) => void pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces).toString();
};

describe('writing a file', () => {
  test('makes its directories and its mode, and replaces what was there', async () => {
    await files.write(at('a/b/c.sh'), 0o755, bytes('one', 'two'));
    await files.write(at('a/b/c.sh'), 0o755, bytes('three'));
    expect(fs.readFileSync(at('a/b/c.sh'), 'utf8')).toBe('three');
    expect(fs.statSync(at('a/b/c.sh')).mode & 0o777).toBe(0o755);
    expect(staged()).toEqual([]);
  });

  test('that breaks off leaves the old one', async () => {
    await files.write(at('kept'), 0o644, bytes('old'));
    const broken = async function* () {
      yield Buffer.from('half');
      throw new Error('broken off');
    };
    await expect(files.write(at('kept'), 0o644, broken())).rejects.toThrow('broken off');
    expect(fs.readFileSync(at('kept'), 'utf8')).toBe('old');
    expect(staged()).toEqual([]);
  });

  test('goes through no link, and replaces a link instead of what it points to', async () => {
    fs.symlinkSync(outside, at('way'));
    fs.symlinkSync(path.join(outside, 'secret'), at('link'));
    await expect(files.write(at('way/x'), 0o644, bytes('x'))).rejects.toEqual(refused('refused'));
    await files.write(at('link'), 0o644, bytes('mine'));
    expect(fs.readdirSync(outside)).toEqual(['secret']);
    expect(fs.readFileSync(path.join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test.each(['../outside/x', 'a/../../outside/x', 'a//x', './x', ''])('to %j is refused', async (name) => {
    await expect(files.write(`${root}/${name}`, 0o644, bytes('x'))).rejects.toEqual(refused('refused'));
  });

  test('does not replace a directory', async () => {
    fs.mkdirSync(at('directory'));
    await expect(files.write(at('directory'), 0o644, bytes('x'))).rejects.toEqual(refused('exists'));
  });
});

describe('reading a file', () => {
  test('gives its bytes, and refuses one that is too large', async () => {
    fs.writeFileSync(at('file'), 'content');
    expect(await readAll(at('file'))).toBe('content');
    await expect(readAll(at('file'), 6)).rejects.toEqual(refused('too_large'));
  });

  test('opens neither links nor pipes nor devices, and does not wait for them', async () => {
    fs.symlinkSync(path.join(outside, 'secret'), at('link'));
    fs.symlinkSync(outside, at('way'));
    aPipe(at('pipe'));
    for (const name of ['link', 'way/secret', 'pipe']) await expect(readAll(at(name)), name).rejects.toEqual(refused('refused'));
    await expect(readAll(at('nothing'))).rejects.toEqual(refused('not_found'));
  });
});

describe('listing a directory', () => {
  test('names regular files below it and nothing else', async () => {
    fs.mkdirSync(at('outputs/deep'), { recursive: true });
    fs.writeFileSync(at('outputs/a.txt'), 'a');
    fs.writeFileSync(at('outputs/deep/b.txt'), 'bb');
    fs.symlinkSync(path.join(outside, 'secret'), at('outputs/link'));
    fs.symlinkSync(outside, at('outputs/way'));
    aPipe(at('outputs/pipe'));
    const { files: listed, truncated } = await files.list(at('outputs'));
    expect(listed.map(({ path: name, size_bytes: size }) => [name, size])).toEqual([
      ['a.txt', 1],
      ['deep/b.txt', 2],
    ]);
    expect(truncated).toBe(false);
  });

  test('that is missing is empty, and one that is a link is refused', async () => {
    fs.symlinkSync(outside, at('way'));
    expect(await files.list(at('missing/too'))).toEqual({ files: [], truncated: false });
    await expect(files.list(at('way'))).rejects.toEqual(refused('refused'));
  });

  test('ends at its bounds and says so', async () => {
    fs.mkdirSync(at('many'));
    for (let index = 0; index < 5_001; index += 1) fs.writeFileSync(at(`many/${index}`), '');
    const { files: listed, truncated } = await files.list(at('many'));
    expect([listed.length, truncated]).toEqual([5_000, true]);
  });
});

describe('unpacking an archive', () => {
  type Entry = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly content?: string };
  const anArchive = (...entries: readonly Entry[]): AsyncIterable<Uint8Array> => {
    const archive = pack();
    for (const { content, ...header } of entries) archive.entry(header, content ?? '');
    archive.finalize();
    return archive as AsyncIterable<Uint8Array>;
  };

  test('makes directories, files with their x bit, and links as they are', async () => {
    await files.extract(
      at('repository'),
      anArchive(
        { name: './', type: 'directory', mode: 0o555 },
        { name: 'bin/run', mode: 0o4755, content: '#!' },
        { name: 'README', mode: 0o600, content: 'hello' },
        { name: 'out', type: 'symlink', linkname: outside },
      ),
    );
    expect(fs.statSync(at('repository/bin/run')).mode & 0o7777).toBe(0o755);
    expect(fs.statSync(at('repository/README')).mode & 0o7777).toBe(0o644);
    expect(fs.readlinkSync(at('repository/out'))).toBe(outside);
    expect(staged()).toEqual([]);
  });

  test('reads archives one behind the other', async () => {
    const two = async function* () {
      yield* anArchive({ name: 'one', content: '1' });
      yield* anArchive({ name: 'two', content: '2' });
    };
    await files.extract(at('both'), two());
    expect(fs.readdirSync(at('both')).sort()).toEqual(['one', 'two']);
  });

  test('can leave its one top directory away', async () => {
    await files.extract(
      at('skill'),
      anArchive({ name: 'top/', type: 'directory' }, { name: 'top/SKILL.md', content: 's' }, { name: 'stray', content: 'x' }),
      1,
    );
    expect(fs.readdirSync(at('skill'))).toEqual(['SKILL.md']);
  });

  test('of many and large files loses nothing', async () => {
    const content = 'x'.repeat(3_000_000);
    const names = Array.from({ length: 300 }, (_, index) => `directory-${index % 7}/file-${index}`);
    await files.extract(at('large'), anArchive({ name: 'big', content }, ...names.map((name) => ({ name, content: name }))));
    expect(fs.statSync(at('large/big')).size).toBe(content.length);
    for (const name of names) expect(fs.readFileSync(at(`large/${name}`), 'utf8')).toBe(name);
  });

  test.each<[string, readonly Entry[]]>([
    ['a way up', [{ name: '../x', content: 'x' }]],
    ['an absolute name', [{ name: '/tmp/rondo-x', content: 'x' }]],
    [
      'a file behind a link of its own',
      [
        { name: 'way', type: 'symlink', linkname: '../outside' },
        { name: 'way/x', content: 'x' },
      ],
    ],
    ['a hard link', [{ name: 'hard', type: 'link', linkname: '/etc/passwd' }]],
    ['a device', [{ name: 'device', type: 'character-device', devmajor: 1, devminor: 3 }]],
    ['a pipe', [{ name: 'pipe', type: 'fifo' }]],
  ])('with %s is refused as a whole', async (_what, entries) => {
    await expect(files.extract(at('bad'), anArchive({ name: 'good', content: 'x' }, ...entries))).rejects.toEqual(refused('refused'));
    expect(fs.existsSync(at('bad'))).toBe(false);
    expect(staged()).toEqual([]);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });

  test('that is cut off, or none, makes nothing', async () => {
    const cut = async function* () {
      for await (const piece of anArchive({ name: 'file', content: 'x'.repeat(5000) })) {
        yield piece.subarray(0, 700);
        return;
      }
    };
    await expect(files.extract(at('cut'), cut())).rejects.toThrow();
    await expect(files.extract(at('none'), bytes('no archive at all'.repeat(100)))).rejects.toThrow();
    expect(fs.readdirSync(root)).toEqual(['.rondo']);
    expect(staged()).toEqual([]);
  });

  test('takes the place of an empty directory only', async () => {
    fs.mkdirSync(at('empty'));
    await files.extract(at('empty'), anArchive({ name: 'x', content: 'x' }));
    await expect(files.extract(at('empty'), anArchive({ name: 'y', content: 'y' }))).rejects.toEqual(refused('exists'));
    expect(fs.readdirSync(at('empty'))).toEqual(['x']);
  });
});

describe('what an earlier supervisor left half made', () => {
  test('goes at the next start', async () => {
    fs.mkdirSync(at('.rondo/staging/half'), { recursive: true });
    fs.writeFileSync(at('.rondo/staging/half/x'), 'x');
    clearStaging([root]);
    await expect.poll(staged).toEqual([]);
  });

  test.each(['file', 'link'])('is no reason not to start when there is a %s instead', (kind) => {
    fs.mkdirSync(at('.rondo'));
    if (kind === 'file') fs.writeFileSync(at('.rondo/staging'), 'x');
    else fs.symlinkSync(outside, at('.rondo/staging'));
    clearStaging([root, path.join(root, 'missing')]);
    expect(fs.readdirSync(outside)).toEqual(['secret']);
  });
});
