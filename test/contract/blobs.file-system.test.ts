import { chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFileSystemBlobs } from '../../infra/blobs/file-system.adapter.js';
import { describeBlobStore } from './blobs.suite.js';

let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-blobs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const emptyFolder = () => {
  made += 1;
  return join(folder, String(made));
};
const bytes = async function* (text: string) {
  yield Buffer.from(text);
};

describeBlobStore('the file system', async () => createFileSystemBlobs(emptyFolder()));

describe('the folder of blobs', () => {
  it('is private', async () => {
    const root = emptyFolder();
    await createFileSystemBlobs(root).put('wrkspc_1/a', bytes('secret'));
    const modes = await Promise.all([root, join(root, 'wrkspc_1'), join(root, 'wrkspc_1', 'a')].map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  it('has one owner, whoever writes', async () => {
    const root = emptyFolder();
    await mkdir(root, { mode: 0o700 });
    // Only root can give the folder to somebody else; everybody else is its owner already.
    if (process.getuid?.() === 0) await chown(root, 65_532, 65_533);
    const { uid, gid } = await stat(root);
    await createFileSystemBlobs(root).put('wrkspc_1/deep/a', bytes('x'));
    for (const path of ['.incoming', 'wrkspc_1', 'wrkspc_1/deep', 'wrkspc_1/deep/a']) expect(await stat(join(root, path)), path).toMatchObject({ uid, gid });
  });

  it('holds nothing of a failed writing', async () => {
    const root = emptyFolder();
    const blobs = createFileSystemBlobs(root);
    await expect(blobs.put('wrkspc_1/a', bytes('too long'), { maximumBytes: 1 })).rejects.toThrow();
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
  });

  it('is cleaned of what a killed process left, when the blob it was for is deleted', async () => {
    const root = emptyFolder();
    const blobs = createFileSystemBlobs(root);
    const halfWritten = async function* () {
      yield Buffer.from('half');
      const [left = ''] = await readdir(join(root, '.incoming'));
      await writeFile(join(root, '.incoming', `${left.split('.')[0]}.of-another-process`), 'half');
    };
    await blobs.put('wrkspc_1/a', halfWritten());
    await blobs.put('wrkspc_1/b', bytes('kept'));
    expect(await readdir(join(root, '.incoming'))).toHaveLength(1);
    await blobs.delete('wrkspc_1/a');
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
    expect(await Readable.from(blobs.list('')).toArray()).toEqual(['wrkspc_1/b']);
  });

  it('that cannot be used is named a failure of the service', async () => {
    const root = emptyFolder();
    await writeFile(root, 'a file, not a folder');
    await expect(createFileSystemBlobs(root).put('wrkspc_1/a', bytes('x'))).rejects.toMatchObject({ code: 'service.unavailable' });
  });
});
