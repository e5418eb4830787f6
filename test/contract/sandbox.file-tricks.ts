import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pack } from 'tar-stream';
import { beforeAll, expect, test } from 'vitest';
import { diskUsage } from '../../activities/sandbox/disk-usage.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

interface Entry {
  readonly name: string;
  readonly type?: 'file' | 'symlink' | 'link' | 'fifo' | 'character-device' | 'directory';
  readonly linkname?: string;
  readonly content?: string;
}

function anArchive(...entries: readonly Entry[]): AsyncIterable<Uint8Array> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header as Parameters<typeof archive.entry>[0], content);
  archive.finalize();
  return archive as AsyncIterable<Uint8Array>;
}

/** A socket, a pipe, links of every kind and a device, each where a file of that name is expected next. */
const PLANT = [
  'mkdir -p traps && cd traps',
  'mkfifo pipe',
  'ln -s /etc/passwd link && ln -s /etc folder && ln -s pipe link-to-pipe && ln -s loop loop',
  `perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("socket")); print "bound"'`,
  'ln /etc/passwd hard 2>/dev/null; ln /opt/rondo/supervisor.mjs hard 2>/dev/null; cd ..',
].join('; ');
const TRAPS = ['pipe', 'link', 'folder/passwd', 'link-to-pipe', 'loop', 'socket', 'hard'];

/** What an agent leaves lying about for whoever handles its files next. */
export function describeFileTricks(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
    await sandbox.bash(`${PLANT}; (cd /mnt/session/outputs && ${PLANT})`);
  });

  test('file tools neither follow nor hang on what was planted', async () => {
    for (const trap of TRAPS) {
      const outcome = await sandbox.call('read', { file_path: `traps/${trap}` }, { timeoutMs: 5_000 });
      expect(outcome, trap).toMatchObject({ status: 'completed', is_error: true });
    }
    for (const trap of ['pipe', 'socket', 'folder/x', 'link']) {
      const outcome = await sandbox.call('write', { file_path: `traps/${trap}`, content: 'x' }, { timeoutMs: 5_000 });
      expect(outcome.status, trap).toBe('completed');
    }
    expect(textOf(await sandbox.bash('head -1 /etc/passwd'))).toMatch(/^root:/);
    expect((await sandbox.call('grep', { pattern: 'root:', path: 'traps' }, { timeoutMs: 10_000 })).status).toBe('completed');
  });

  test('listings of outputs show regular files only', async () => {
    const { files } = await sandbox.client.listFiles('/mnt/session/outputs');
    expect(files.map((file) => file.path)).toEqual([]);
  });

  test.each(['/workspace', '/mnt/session/outputs'])('downloads from %s give regular files only', async (place) => {
    await sandbox.bash(`cd ${place} && rm -rf traps && ${PLANT}; cd /workspace`);
    for (const trap of TRAPS) {
      const reading = buffer(sandbox.client.readFile(`${place}/traps/${trap}`, { maximumBytes: 100_000 }));
      await expect(reading, trap).rejects.toMatchObject({ code: 'sandbox.file_refused' });
    }
  });

  test.each(['/workspace', '/mnt/session/outputs'])('an upload into %s over what was planted replaces it, and writes through nothing', async (place) => {
    const source = async function* () {
      yield Buffer.from('uploaded');
    };
    for (const trap of ['pipe', 'link', 'socket']) {
      await sandbox.client.writeFile({ path: `${place}/traps/${trap}`, source: source() });
      expect((await buffer(sandbox.client.readFile(`${place}/traps/${trap}`, { maximumBytes: 100 }))).toString(), trap).toBe('uploaded');
    }
    for (const trap of ['folder/x', 'loop/x', 'link-to-pipe/x'])
      await expect(sandbox.client.writeFile({ path: `${place}/traps/${trap}`, source: source() }), trap).rejects.toMatchObject({
        code: 'sandbox.file_refused',
      });
    expect(textOf(await sandbox.bash('head -1 /etc/passwd'))).toMatch(/^root:/);
  });

  test('a long output is not spilled into what was planted in its place', async () => {
    const [pipe, link, socket, folder] = ['pipe', 'link', 'socket', 'folder'].map(() => freshId('sevt')) as [string, string, string, string];
    const bind = `perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("${socket}.txt")) or die'`;
    await sandbox.bash(
      `mkdir -p .rondo/outputs && cd .rondo/outputs && mkfifo ${pipe}.txt && echo mine > ../../victim && ln -s ../../victim ${link}.txt && ${bind} && mkdir ${folder}.txt; cd /workspace`,
    );
    for (const id of [pipe, link, socket, folder]) {
      const outcome = await sandbox.bash('head -c 300000 /dev/zero | tr "\\0" z', { id, timeoutMs: 15_000 });
      expect(outcome.status).toBe('completed');
      expect(textOf(outcome)).toContain('could not be saved');
    }
    expect(textOf(await sandbox.bash('cat victim'))).toBe('mine');
  });

  test.each<[string, readonly Entry[]]>([
    ['a name that leads out', [{ name: '../../workspace/escaped', content: 'x' }]],
    ['an absolute name', [{ name: '/workspace/escaped', content: 'x' }]],
    [
      'a way through its own link',
      [
        { name: 'out', type: 'symlink', linkname: '/workspace' },
        { name: 'out/escaped', content: 'x' },
      ],
    ],
    ['a hard link', [{ name: 'hard', type: 'link', linkname: '/etc/passwd' }]],
    ['a device', [{ name: 'device', type: 'character-device' }]],
    ['a pipe', [{ name: 'pipe', type: 'fifo' }]],
  ])('an archive with %s is refused as a whole', async (_what, entries) => {
    const target = `/mnt/skills/${freshId('trick')}`;
    await expect(sandbox.client.extract(target, anArchive({ name: 'first', content: 'x' }, ...entries))).rejects.toMatchObject({
      code: 'sandbox.file_refused',
    });
    expect(await sandbox.client.statPath(target)).toBe('missing');
    expect(await sandbox.client.statPath('/workspace/escaped')).toBe('missing');
  });

  test('an archive that unpacks to more than the disk limit leaves nothing', async () => {
    const small = await aSandbox(engine(), { diskBytes: 32 * MEBIBYTE });
    const bomb = async function* () {
      const archive = pack();
      const entry = archive.entry({ name: 'zeros', size: 200 * MEBIBYTE });
      const zeros = Buffer.alloc(MEBIBYTE);
      const feed = async () => {
        for (let count = 0; count < 200; count += 1) if (!entry.write(zeros)) await new Promise<void>((resolve) => entry.once('drain', () => resolve()));
        entry.end(null);
        archive.finalize();
      };
      void feed();
      yield* archive as AsyncIterable<Uint8Array>;
    };
    await expect(small.client.extract('/mnt/skills/bomb', bomb())).rejects.toMatchObject({ code: 'sandbox.file_refused' });
    expect(await small.client.statPath('/mnt/skills/bomb')).toBe('missing');
    expect(textOf(await small.bash('du -sm /mnt | cut -f1'))).toMatch(/^[0-4]$/);
  });

  test('what was planted stays inside: the host counts it and follows nothing', async () => {
    const bait = path.join(engine().directory, freshId('bait'));
    await fs.mkdir(bait);
    await promisify(execFile)('dd', ['if=/dev/zero', `of=${bait}/large`, 'bs=1M', 'count=64']);
    const own = await aSandbox(engine());
    await own.bash(`ln -s ${bait} out; mkfifo pipe; mkdir closed; echo x > closed/x; chmod 000 closed`);
    const { bytes } = await diskUsage([own.spec.workspaceDirectory]);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(MEBIBYTE);
  });
}
