import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { beforeAll, expect, test } from 'vitest';
import { heldBytes } from '../support/memory.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

async function* pieces(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

export function describeFiles(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
  });

  test('the directories of the session are there and belong to the sandbox user', async () => {
    const outcome = await sandbox.bash('for d in session/uploads session/outputs skills; do touch /mnt/$d/x && stat -c %u /mnt/$d; done');
    expect(textOf(outcome)).toBe('10001\n10001\n10001');
    const stat = await fs.stat(sandbox.spec.mountsDirectory);
    expect([stat.uid, stat.mode & 0o777]).toEqual([process.getuid?.() === 0 ? 10001 : process.getuid?.(), 0o700]);
  });

  test('any bytes go in and come out as they were', async () => {
    const content = randomBytes(3 * MEBIBYTE + 1);
    await sandbox.client.writeFile({ path: '/mnt/session/uploads/deep/any.bin', mode: 0o600, source: pieces(content.subarray(0, 5), content.subarray(5)) });
    const seen = textOf(await sandbox.bash('cd /mnt/session/uploads/deep; sha256sum < any.bin; stat -c "%a %u" any.bin; cd /workspace'));
    expect(seen).toBe(`${createHash('sha256').update(content).digest('hex')}  -\n600 10001`);
    const back = await buffer(sandbox.client.readFile('/mnt/session/uploads/deep/any.bin', { maximumBytes: content.length }));
    expect(back.equals(content)).toBe(true);
  });

  test('an empty file goes in and comes out', async () => {
    await sandbox.client.writeFile({ path: '/workspace/empty', source: pieces() });
    expect(await buffer(sandbox.client.readFile('/workspace/empty', { maximumBytes: 0 }))).toHaveLength(0);
    expect(await sandbox.client.statPath('/workspace/empty')).toBe('file');
  });

  test('half a gigabyte goes both ways in flat memory, while commands run', async () => {
    const size = 500 * MEBIBYTE;
    const block = randomBytes(MEBIBYTE);
    const sent = createHash('sha256');
    let observed = 0;
    let peak = 0;
    const observe = (): number => {
      peak = Math.max(peak, heldBytes());
      return peak;
    };
    const observeSometimes = () => {
      observed += 1;
      if (observed % 50 === 0) observe();
    };
    const large = async function* () {
      for (let offset = 0; offset < size; offset += block.length) {
        block.writeUInt32LE(offset, 0);
        sent.update(block);
        observeSometimes();
        yield Buffer.from(block);
      }
    };
    const before = observe();
    const writing = sandbox.client.writeFile({ path: '/workspace/large', source: large() });
    expect(textOf(await sandbox.bash('echo meanwhile'))).toBe('meanwhile');
    await writing;
    const received = createHash('sha256');
    for await (const piece of sandbox.client.readFile('/workspace/large', { maximumBytes: size })) {
      received.update(piece);
      observeSometimes();
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(peak - before).toBeLessThan(64 * MEBIBYTE);
    expect(textOf(await sandbox.bash('stat -c %s large; rm large'))).toBe(String(size));
  }, 240_000);

  test('a file that is larger than wanted is refused, and one that is not there', async () => {
    await sandbox.bash('head -c 2000 /dev/zero > long');
    const failing = (name: string) => buffer(sandbox.client.readFile(`/workspace/${name}`, { maximumBytes: 1999 }));
    await expect(failing('long')).rejects.toMatchObject({ code: 'sandbox.file_refused', details: { reason: 'too_large' } });
    await expect(failing('nothing')).rejects.toMatchObject({ code: 'sandbox.file_refused', details: { reason: 'not_found' } });
  });

  test('whoever stops reading half-way leaves the connection as it was', async () => {
    await sandbox.bash('head -c 8000000 /dev/zero > half');
    for await (const _piece of sandbox.client.readFile('/workspace/half', { maximumBytes: 8_000_000 })) break;
    expect(await sandbox.client.statPath('/workspace/half')).toBe('file');
    expect(textOf(await sandbox.bash('echo still'))).toBe('still');
  });

  test('a write that is given up leaves nothing', async () => {
    const controller = new AbortController();
    const endless = async function* () {
      for (let count = 0; ; count += 1) {
        if (count === 20) controller.abort(new Error('given up'));
        yield Buffer.alloc(100_000);
      }
    };
    const writing = sandbox.client.writeFile({ path: '/workspace/never', source: endless(), signal: controller.signal });
    await expect(writing).rejects.toThrow('given up');
    await expect.poll(async () => textOf(await sandbox.bash('ls never .rondo/staging 2>&1'))).not.toMatch(/^[0-9a-f]{24}$/m);
    expect(await sandbox.client.statPath('/workspace/never')).toBe('missing');
  });

  test('links, pipes and devices of the sandbox are not opened', async () => {
    await sandbox.bash('cd /mnt/session/outputs && ln -s /etc/passwd link && mkfifo pipe && ln -s /etc way && echo fine > fine && cd /workspace');
    const { files, truncated } = await sandbox.client.listFiles('/mnt/session/outputs');
    expect(files.map(({ path: name, sizeBytes }) => [name, sizeBytes])).toEqual(
      expect.arrayContaining([
        ['fine', 5],
        ['x', 0],
      ]),
    );
    expect([files.length, truncated]).toEqual([2, false]);
    for (const name of ['link', 'pipe', 'way/passwd']) {
      const reading = buffer(sandbox.client.readFile(`/mnt/session/outputs/${name}`, { maximumBytes: 10_000 }));
      await expect(reading, name).rejects.toMatchObject({ code: 'sandbox.file_refused', details: { reason: 'refused' } });
    }
    await expect(sandbox.client.writeFile({ path: '/mnt/session/outputs/way/x', source: pieces('x') })).rejects.toMatchObject({
      details: { reason: 'refused' },
    });
  });

  test.each(['/etc/passwd', '/tmp/x', '/workspace/../etc/x', '/run/rondo/journal/x', '/workspace'])('%s is out of reach', async (file) => {
    const writing = sandbox.client.writeFile({ path: file, source: pieces('x') });
    await expect(writing).rejects.toMatchObject({ code: 'sandbox.file_refused' });
    await expect(buffer(sandbox.client.readFile(file, { maximumBytes: 10 }))).rejects.toMatchObject({ code: 'sandbox.file_refused' });
  });

  test('an archive becomes a directory, once', async () => {
    const anArchive = () => {
      const archive = pack();
      archive.entry({ name: 'bin/run', mode: 0o755 }, '#!/bin/sh\necho ran\n');
      archive.entry({ name: 'link', type: 'symlink', linkname: 'bin/run' });
      archive.finalize();
      return archive as AsyncIterable<Uint8Array>;
    };
    await sandbox.client.extract('/mnt/skills/runner', anArchive());
    expect(textOf(await sandbox.bash('/mnt/skills/runner/link; stat -c %u /mnt/skills/runner/bin/run'))).toBe('ran\n10001');
    await expect(sandbox.client.extract('/mnt/skills/runner', anArchive())).rejects.toMatchObject({ details: { reason: 'exists' } });
  });

  test('what was mounted outlives the sandbox', async () => {
    const { spec } = sandbox;
    await sandbox.client.writeFile({ path: '/mnt/session/uploads/kept.txt', source: pieces('kept') });
    const next = await aSandbox(engine(), { workspaceDirectory: spec.workspaceDirectory, mountsDirectory: spec.mountsDirectory });
    expect(textOf(await next.bash('cat /mnt/session/uploads/kept.txt'))).toBe('kept');
    expect((await fs.stat(path.join(spec.mountsDirectory, 'session'))).uid).toBe((await fs.stat(spec.mountsDirectory)).uid);
  });

  test('a transfer whose sandbox ends fails, and leaves no half file for the next', async () => {
    const first = await aSandbox(engine());
    const endless = async function* () {
      for (let count = 0; ; count += 1) {
        if (count === 30) await engine().provider.destroy(first.spec.name);
        yield Buffer.alloc(100_000);
      }
    };
    await expect(first.client.writeFile({ path: '/workspace/half', source: endless() })).rejects.toMatchObject({ code: 'sandbox.failed' });
    const next = await aSandbox(engine(), { workspaceDirectory: first.spec.workspaceDirectory });
    await expect.poll(async () => textOf(await next.bash('ls -A . .rondo/staging 2>/dev/null'))).not.toMatch(/half|[0-9a-f]{24}/);
  });
}
