import * as fs from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createDiskGuard, type DiskGuard } from '../../activities/sandbox/disk-guard.js';
import { diskUsage } from '../../activities/sandbox/disk-usage.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, MEBIBYTE, type SandboxUnderTest, textOf } from './sandbox.fixture.js';

const LIMIT = 96 * MEBIBYTE;

/** Fills the disk from the background, once there is a file `go`: not while the call that leaves it there still runs. */
const FILLING_LATER =
  '(until [ -e go ]; do sleep 0.05; done; for i in $(seq 1 4000); do dd if=/dev/zero of=/workspace/b$i bs=1M count=4; done) >/dev/null 2>&1 &';

/** A sandbox whose disk is guarded as a worker does it. */
async function aGuardedSandbox(
  engine: TestEngine,
): Promise<{ sandbox: SandboxUnderTest; guard: DiskGuard; held: () => Promise<number>; workIsStopped: Promise<void> }> {
  const sandbox = await aSandbox(engine, { diskBytes: LIMIT });
  const { workspaceDirectory, mountsDirectory, journalDirectory, name } = sandbox.spec;
  const directories = [workspaceDirectory, mountsDirectory, journalDirectory];
  const problems: unknown[] = [];
  const stopped = Promise.withResolvers<void>();
  const guard = createDiskGuard({ limitBytes: LIMIT, home: engine.directory, onError: (_name, error) => problems.push(error) });
  guard.begin({
    sessionId: name,
    name,
    directories,
    isRunning: () => engine.provider.isRunning(name),
    stopWork(reason) {
      sandbox.client.stopWork(reason);
      stopped.resolve();
    },
    destroy: () => engine.provider.destroy(name),
  });
  onTestFinished(() => {
    guard.close();
    expect(problems).toEqual([]);
  });
  return { sandbox, guard, held: async () => (await diskUsage(directories)).bytes, workIsStopped: stopped.promise };
}

/** Limits that are reached are told to the model, and work goes on. */
export function describeLimits(engine: () => TestEngine): void {
  test('a file that outgrows the disk limit is refused at once, and the model is told', async () => {
    const { sandbox, held } = await aGuardedSandbox(engine());
    const outcome = await sandbox.bash('dd if=/dev/zero of=big bs=1M count=100000');
    expect(outcome).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(outcome)).toContain('Disk limit');
    expect(await held()).toBeLessThanOrEqual(LIMIT + MEBIBYTE);
    expect(textOf(await sandbox.bash('rm big; echo freed > small; cat small'))).toContain('freed');
  });

  test('many files that outgrow the disk limit together end what runs; the sandbox lives on and can be cleaned', async () => {
    const { sandbox, held } = await aGuardedSandbox(engine());
    const outcome = await sandbox.bash('mkdir many; for i in $(seq 1 400); do dd if=/dev/zero of=/mnt/$i bs=1M count=8 2>/dev/null; done; echo never', {
      timeoutMs: 55_000,
    });
    expect(outcome, textOf(outcome)).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(outcome)).toMatch(/Disk limit reached: .* the limit is 96 MiB/);
    expect(textOf(outcome)).not.toContain('never');
    expect(await held()).toBeGreaterThan(LIMIT);
    const cleaned = await sandbox.bash('rm -f /mnt/[0-9]*; echo room > room; cat room');
    expect(textOf(cleaned)).toContain('room');
    expect(await held()).toBeLessThan(LIMIT);
  });

  test('what fills the disk in the background is ended too, and the next result says so', async () => {
    const { sandbox, workIsStopped } = await aGuardedSandbox(engine());
    await sandbox.bash(FILLING_LATER);
    await sandbox.call('write', { file_path: 'go', content: '' });
    await workIsStopped;
    expect(textOf(await sandbox.bash('echo look'))).toMatch(/Disk limit reached: [\s\S]*background was killed[\s\S]*look$/);
    const [before, after] = textOf(await sandbox.bash('ls | wc -l; sleep 1; ls | wc -l')).split('\n');
    expect(after).toBe(before);
  });

  test('a call that runs while something in the background fills the disk says so itself, and so does one that waits for its turn', async () => {
    const { sandbox } = await aGuardedSandbox(engine());
    await sandbox.bash(FILLING_LATER);
    const [running, waiting] = await Promise.all([sandbox.bash('touch go; sleep 50', { timeoutMs: 55_000 }), sandbox.bash('touch later')]);
    expect(textOf(running)).toMatch(/^\[Stopped: Disk limit reached: [\s\S]*everything else running in this shell was killed/);
    expect(textOf(waiting)).toMatch(/^Stopped before it was started; nothing was run\. Disk limit reached: /);
    expect(textOf(await sandbox.bash('ls later'))).toContain('No such file');
    expect(textOf(await sandbox.bash('echo look'))).toBe('look');
  });

  test('who does not heed the limit is ended', async () => {
    const { sandbox, guard } = await aGuardedSandbox(engine());
    const { name, workspaceDirectory } = sandbox.spec;
    // Not what it takes on the disk, which a file system may still put in order.
    const written = async () => {
      const names = (await fs.readdir(workspaceDirectory)).filter((file) => /^e\d+$/.test(file)).toSorted();
      return Promise.all(names.map(async (file) => [file, (await fs.stat(`${workspaceDirectory}/${file}`)).size]));
    };
    const writer = 'i=0; while :; do i=$((i+1)); dd if=/dev/zero of=/workspace/e$i bs=1M count=4; done';
    // Neither of the shell's session nor of its environment.
    await sandbox.bash(`env -i PATH=$PATH setsid bash -c '${writer}' >/dev/null 2>&1 &`);
    await expect.poll(() => engine().provider.isRunning(name), { timeout: 50_000, interval: 200 }).toBe(false);
    const after = await written();
    await expect.poll(async () => guard.whyEnded(name)).toMatch(/Disk limit reached/);
    expect(await written()).toEqual(after);
  });

  test('out of memory is told: by the call itself, or as the end of the whole sandbox', async () => {
    const { provider } = engine();
    const sandbox = await aSandbox(engine());
    if ((await provider.capabilities()).memory_limit !== 'enforced') return;
    const outcome = await sandbox.bash(`perl -e 'my $s = "x" x (900 << 20)'; echo "code $?"`).catch((error: unknown) => error);
    if (outcome instanceof RondoError) {
      await expect.poll(() => provider.isRunning(sandbox.spec.name)).toBe(false);
      expect(await provider.whyEnded(sandbox.spec.name)).toMatch(/ran out of memory \(its limit is 512 MiB\)/);
    } else {
      expect(textOf(outcome as never)).toMatch(/memory/);
      expect(textOf(await sandbox.bash('echo alive'))).toBe('alive');
    }
  });

  test('too many processes are told', async () => {
    const sandbox = await aSandbox(engine(), { processes: 64 });
    const outcome = await sandbox.bash(`perl -e 'for (1..300) { my $p = fork; die "cannot fork: $!" unless defined $p; if (!$p) { sleep 30; exit } }'`);
    expect(textOf(outcome)).toMatch(/Too many processes/);
    await sandbox.call('bash', { restart: true });
    await expect.poll(async () => textOf(await sandbox.bash('echo alive'))).toContain('alive');
  });

  test('a full scratch directory is told, and does not end the sandbox', async () => {
    const sandbox = await aSandbox(engine(), { memoryBytes: 1024 * MEBIBYTE });
    const outcome = await sandbox.bash('dd if=/dev/zero of=/tmp/fill bs=1M count=600; rm -f /tmp/fill; (exit 1)');
    expect(textOf(outcome)).toMatch(/No space left on device[\s\S]*Disk full: \/tmp and the home directory are small/);
    expect(textOf(await sandbox.bash('echo alive'))).toBe('alive');
  });

  test('a time limit ends the whole foreground; what earlier calls left in the background goes on and can be read', async () => {
    const sandbox = await aSandbox(engine());
    await sandbox.bash('(while :; do date +%s%N; sleep 0.1; done) > ticks.log 2>&1 & echo started');
    const other = await sandbox.bash('sed -n 1p ticks.log; until [ "$(wc -l < ticks.log)" -gt 3 ]; do sleep 0.1; done; wc -l < ticks.log');
    expect(Number(textOf(other).split('\n').at(-1))).toBeGreaterThan(3);
    const outcome = await sandbox.call('bash', { command: 'echo begun; sleep 1020 & sleep 1021', timeout_ms: 2_000 });
    expect(outcome).toMatchObject({ status: 'timed_out', is_error: true });
    expect(textOf(outcome)).toMatch(/^begun/);
    // Killed is not gone yet: the kernel of a sandbox takes its time.
    const left = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 102[01]'";
    expect(textOf(await sandbox.bash(`for try in $(seq 100); do left=$(${left}); [ "$left" = 0 ] && break; sleep 0.1; done; echo "left: $left"`))).toContain(
      'left: 0',
    );
    expect((await fs.readFile(`${sandbox.spec.workspaceDirectory}/ticks.log`, 'utf8')).split('\n').length).toBeGreaterThan(3);
  });
}
