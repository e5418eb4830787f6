import * as fs from 'node:fs';
import { expect, test } from 'vitest';
import { RondoError } from '../../workflows/contract/errors.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, connected, freshId, SUPERVISOR, textOf, watchOutput } from './sandbox.fixture.js';

export function describeFailures(engine: () => TestEngine): void {
  test('a call whose supervisor is killed is lost, runs no second time, and the next call works', async () => {
    const sandbox = await aSandbox(engine());
    const id = freshId('sevt');
    const command = `echo ran >> lost.txt; kill -9 ${SUPERVISOR}; sleep 1007`;
    const broken = sandbox.bash(command, { id });
    await expect(broken).rejects.toMatchObject({ code: 'sandbox.failed' });

    const again = await sandbox.reconnect();
    expect(again.client.bootId).not.toBe(sandbox.client.bootId);
    expect(await again.bash(command, { id })).toMatchObject({ status: 'lost', is_error: true });
    const next = textOf(await again.bash("wc -l < lost.txt; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 100[7]'"));
    expect(next).toMatch(/^\[This is a new shell/);
    expect(next).toContain('\n1\n0');
  });

  test('a shell that is killed keeps what it printed, and the model is told that its state is gone', async () => {
    const sandbox = await aSandbox(engine());
    await sandbox.bash('cd /tmp; LOST=1');
    const killed = await sandbox.bash('echo before; kill -9 $$; echo never');
    expect(killed).toMatchObject({ status: 'completed', is_error: true });
    expect(textOf(killed)).toMatch(/^before\n\[The shell itself was ended by SIGKILL\. The next command gets a new one\. Working directory, variables/);
    expect(textOf(await sandbox.bash('echo "[$LOST]"; pwd'))).toBe('[]\n/workspace');
  });

  test('a shell that is killed between two calls is told by the next', async () => {
    const sandbox = await aSandbox(engine());
    await sandbox.bash('LOST=1; (until [ -e die ]; do sleep 0.05; done; kill -9 $$; touch dead) >/dev/null 2>&1 &');
    await sandbox.call('write', { file_path: 'die', content: '' });
    await expect.poll(async () => textOf(await sandbox.call('glob', { pattern: 'dead' }))).toContain('dead');
    // The end may be noticed only when the next command is handed over.
    expect(textOf(await sandbox.bash('echo "[$LOST]"'))).toMatch(
      /^\[The old shell has ended since the last call\.[^\]]*\]\n\[\]$|^\[The shell itself was ended by SIGKILL/,
    );
    expect(textOf(await sandbox.bash('echo "[$LOST]"'))).toBe('[]');
  });

  test('a supervisor that is killed from outside leaves finished results, and says that the running call is lost', async () => {
    const { provider } = engine();
    // gVisor shows its processes to nobody.
    if (provider.isolation === 'gvisor') return;
    const sandbox = await aSandbox(engine());
    const [finished, running] = [freshId('sevt'), freshId('sevt')];
    await sandbox.bash('echo whole', { id: finished });
    const output = watchOutput();
    const command = 'echo ran >> outside.txt; echo started; sleep 1051';
    const broken = expect(sandbox.bash(command, { id: running, onOutput: output.onOutput })).rejects.toMatchObject({ code: 'sandbox.failed' });
    await output.until('started');
    process.kill(supervisorOnHost(sandbox.spec.workspaceDirectory), 'SIGKILL');
    await broken;
    const again = await sandbox.reconnect();
    expect(textOf(await again.bash('echo whole', { id: finished }))).toBe('whole');
    expect(await again.bash(command, { id: running })).toMatchObject({ status: 'lost', is_error: true });
    expect(textOf(await again.bash('wc -l < outside.txt'))).toMatch(/^\[This is a new shell[^\]]*\]\n1$/);
  });

  test('kill -9 -1 inside is survived or reported', async () => {
    const sandbox = await aSandbox(engine());
    const id = freshId('sevt');
    const outcome = await sandbox.bash('kill -9 -1', { id }).catch((error: unknown) => error);
    if (!(outcome instanceof RondoError)) {
      expect(outcome).toMatchObject({ is_error: true });
      return;
    }
    expect(outcome.code).toBe('sandbox.failed');
    const again = await sandbox.reconnect();
    expect((await again.bash('kill -9 -1', { id })).status).toBe('lost');
    expect(textOf(await again.bash('echo alive'))).toContain('alive');
  });

  test('running out of memory is told, and the work goes on in the same workspace', async () => {
    const sandbox = await aSandbox(engine());
    const { provider } = engine();
    await sandbox.call('write', { file_path: 'before.txt', content: 'still here' });
    const outcome = await sandbox.bash('python3 -c "b = bytearray(900 << 20); print(len(b))"').catch((error: unknown) => error);
    if (outcome instanceof RondoError) expect(outcome.code).toBe('sandbox.failed');
    else expect(outcome).toMatchObject({ is_error: true });

    if (outcome instanceof RondoError) {
      await expect.poll(() => provider.isRunning(sandbox.spec.name)).toBe(false);
      await expect(provider.attach(sandbox.spec.name)).rejects.toMatchObject({ code: 'sandbox.gone' });
      await expect(provider.create(sandbox.spec)).rejects.toMatchObject({ code: 'sandbox.gone' });
      await provider.destroy(sandbox.spec.name);
    }
    const next = await aSandbox(engine(), { workspaceDirectory: sandbox.spec.workspaceDirectory });
    expect(textOf(await next.bash('cat before.txt'))).toBe('still here');
  });

  test('a flood of processes is held back inside', async () => {
    const sandbox = await aSandbox(engine());
    const outcome = await sandbox.bash('for i in $(seq 400); do sleep 1008 & done 2>/dev/null; echo over', { timeoutMs: 4_000 });
    expect(['completed', 'timed_out']).toContain(outcome.status);
    await sandbox.call('bash', { restart: true });
    // The killed ones count until they are reaped.
    await expect.poll(async () => textOf(await sandbox.bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 100[8]' | wc -l"))).toBe('0');
    expect(await engine().provider.isRunning(sandbox.spec.name)).toBe(true);
  });

  test('a supervisor that is stopped is noticed', async () => {
    const sandbox = await aSandbox(engine());
    const impatient = await connected(engine(), sandbox.spec, { pingIntervalMs: 2_000 });
    await expect(impatient.bash(`kill -STOP ${SUPERVISOR}; sleep 1009`)).rejects.toMatchObject({ code: 'sandbox.failed' });
  });

  test('a sandbox that is destroyed under a call breaks the call', async () => {
    const sandbox = await aSandbox(engine());
    const output = watchOutput();
    const running = sandbox.bash('echo started; sleep 1010', { onOutput: output.onOutput });
    await output.until('started');
    const broken = expect(running).rejects.toMatchObject({ code: 'sandbox.failed' });
    await engine().provider.destroy(sandbox.spec.name);
    await broken;
  });

  test('orphans are reaped', async () => {
    const sandbox = await aSandbox(engine());
    await sandbox.bash('for i in 1 2 3 4 5; do (sh -c "true" & ) ; (sleep 0.05 &) ; done');
    await expect.poll(async () => textOf(await sandbox.bash("grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l"))).toBe('0');
  });
}

/** Process id, as the host counts it, of the supervisor of the sandbox with this workspace. */
function supervisorOnHost(workspace: string): number {
  const { dev, ino } = fs.statSync(workspace);
  const isIts = (pid: string): boolean => {
    try {
      if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('/opt/rondo/node\0')) return false;
      const inside = fs.statSync(`/proc/${pid}/root/workspace`);
      return inside.dev === dev && inside.ino === ino;
    } catch {
      return false;
    }
  };
  const pid = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find(isIts);
  if (pid === undefined) throw new Error(`There is no supervisor for ${workspace}.`);
  return Number(pid);
}
