import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeSandboxDirectory, sandboxUser } from '../../activities/sandbox/sandbox-user.js';
import { takeCheckpoint } from '../../activities/workspace/checkpoint.js';
import { restoreCheckpoint } from '../../activities/workspace/restore.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

/** What an agent could leave in its workspace for the program that reads it as root of the host. */
const plant = (bait: string) => String.raw`
mkdir plant && cd plant
mkfifo pipe
perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("socket"))'
mknod device c 1 5 2>/dev/null
ln -s ${bait}/secret secret; ln -s ${bait} bait; ln -s /etc/shadow shadow; ln -s loop loop; ln -s pipe to-pipe
echo mine > own; ln own same; ln bait/secret hard 2>/dev/null
printf one > $'new\nline'; printf two > $'\xff\xfe\x80'; printf three > $'\e[2J'; printf four > ' '; printf five > -rf
perl -e 'for (1..60) { mkdir "d" x 100; chdir "d" x 100 } open(my $f, ">", "deepest")'
truncate -s 900M huge; truncate -s 64M zeros
mkdir closed; echo x > closed/x; chmod 000 closed
cp own raised; chmod 6755 raised
touch -d '2001-02-03 04:05:06.789012' own
cd ..; echo planted`;

const KEPT = 256 * MEBIBYTE;

/** Type, mode, time, target, name and hash of all that a checkpoint keeps, by another program than ours. */
const listing = (directory: string): string =>
  execFileSync(
    'bash',
    [
      '-c',
      `find . -mindepth 1 '(' -type f -o -type d -o -type l ')' ! -name huge ! -path '*/dddd*' -printf '%y %m %TY-%Tm-%Td %TT %l %P\\n' | sed -E 's/(:[0-9]{2}\\.[0-9]{6})[0-9]*/\\1/' | LC_ALL=C sort -k6
find . -type f ! -name huge ! -path '*/dddd*' -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum`,
    ],
    { cwd: directory, encoding: 'latin1' },
  );

/** A checkpoint of what a real sandbox has left, and another sandbox on what it gives back. */
export function describeCheckpoints(engine: () => TestEngine): void {
  const secret = `bait-${randomBytes(16).toString('hex')}`;
  const blobs = new Map<string, Buffer>();
  let bait: string;
  let before: SandboxUnderTest;
  let taken: Awaited<ReturnType<typeof takeCheckpoint>>;
  let restored: string;

  beforeAll(async () => {
    bait = path.join(engine().directory, freshId('bait'));
    await fs.mkdir(bait);
    await fs.writeFile(path.join(bait, 'secret'), secret);
    before = await aSandbox(engine());
    expect(textOf(await before.bash(plant(bait)))).toContain('planted');
    await engine().provider.destroy(before.spec.name);
    taken = await takeCheckpoint({
      trees: { workspace: before.spec.workspaceDirectory },
      previous: undefined,
      maximumBytes: KEPT,
      keep: async (source) => {
        const pieces = [];
        for await (const piece of source) pieces.push(piece);
        const key = `blob${blobs.size}`;
        blobs.set(key, Buffer.concat(pieces));
        return key;
      },
    });
    restored = path.join(engine().directory, freshId('restored'));
    await makeSandboxDirectory(restored, sandboxUser());
    const open = async (key: string, { start, end }: { start: number; end: number }) =>
      (async function* () {
        yield (blobs.get(key) ?? Buffer.alloc(0)).subarray(start, end + 1);
      })();
    await restoreCheckpoint({ manifest: taken.manifest, trees: { workspace: restored }, user: sandboxUser(), open });
  }, 120_000);

  test('a checkpoint keeps no byte of what links lead to', () => {
    const hashes = taken.manifest.entries.flatMap((entry) => (entry.type === 'file' ? [entry.sha256] : []));
    expect(hashes).toContain(createHash('sha256').update('mine\n').digest('hex'));
    expect(hashes).not.toContain(createHash('sha256').update(secret).digest('hex'));
    expect(taken.manifest.entries.filter(({ path: name }) => /secret|bait|shadow/.test(name)).map(({ type }) => type)).toEqual([
      'symlink',
      'symlink',
      'symlink',
    ]);
  });

  test('it leaves out pipes, sockets, devices, files beyond the bound and what is too deep, and names each', () => {
    const reasons = taken.skipped.map(({ path: name, why }) => [name.replace(/(\/d{100})+/, '/…'), why]);
    expect(reasons).toContainEqual(['workspace/plant/huge', 'too_large']);
    expect(reasons).toContainEqual(['workspace/plant/…', 'unreadable']);
    // Inside gVisor, pipes and sockets never reach the host.
    if (engine().provider.isolation !== 'gvisor')
      expect(reasons).toEqual(
        expect.arrayContaining([
          ['workspace/plant/pipe', 'special_file'],
          ['workspace/plant/socket', 'special_file'],
        ]),
      );
    expect(taken.manifest.entries.filter(({ path: name }) => /\/(pipe|socket|device|hard|huge)$/.test(name))).toEqual([]);
    expect(taken.storedBytes).toBeLessThan(MEBIBYTE);
  });

  test('the next sandbox finds the rest byte for byte: odd names, modes, times, links', async () => {
    const was = listing(before.spec.workspaceDirectory);
    expect(was).toContain(String.raw`plant/new\nline`);
    expect(listing(restored)).toBe(was);
    const next = await aSandbox(engine(), { workspaceDirectory: restored });
    const seen = textOf(
      await next.bash(
        `cd plant; cat own same; stat -c %h own; cat secret shadow bait/secret 2>&1 | grep -c "No such file\\|denied"; head -c 1000 zeros | tr -d '\\0' | wc -c; id -u`,
      ),
    );
    expect(seen).toBe('mine\nmine\n2\n3\n0\n10001');
    expect(await fs.readFile(path.join(bait, 'secret'), 'utf8')).toBe(secret);
  });
}
