import { beforeAll, expect, test } from 'vitest';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, type SandboxUnderTest, textOf, watchOutput } from './sandbox.fixture.js';

export function describeCalls(engine: () => TestEngine): void {
  let sandbox: SandboxUnderTest;
  beforeAll(async () => {
    sandbox = await aSandbox(engine());
  });

  test('a call that is repeated under its id runs once and gives the same outcome', async () => {
    const id = freshId('sevt');
    const command = 'echo ran >> replay.txt; wc -l < replay.txt';
    const outcomes = [await sandbox.bash(command, { id }), await sandbox.bash(command, { id })];
    const elsewhere = await sandbox.reconnect();
    outcomes.push(await elsewhere.bash(command, { id }));
    expect(outcomes.map(textOf)).toEqual(['1', '1', '1']);
  });

  test('a repeated call may name the keys of its input in another order', async () => {
    const id = freshId('sevt');
    const first = await sandbox.call('write', { file_path: 'order.txt', content: 'x' }, { id });
    expect(await sandbox.call('write', { content: 'x', file_path: 'order.txt' }, { id })).toEqual(first);
  });

  test('an id that was used for another call is a conflict', async () => {
    const id = freshId('sevt');
    await sandbox.bash('true', { id });
    await expect(sandbox.bash('touch conflict.txt', { id })).rejects.toMatchObject({ code: 'request.conflict' });
    await expect(sandbox.call('glob', { pattern: '*' }, { id })).rejects.toMatchObject({ code: 'request.conflict' });
    expect(await sandbox.bash('ls conflict.txt')).toMatchObject({ is_error: true });
  });

  test('a running call survives its channel and is attached to by its id', async () => {
    const id = freshId('sevt');
    const command = 'echo ran >> attach.txt; echo started; until [ -e go ]; do sleep 0.05; done; wc -l < attach.txt';
    const output = watchOutput();
    const abandoned = await sandbox.reconnect();
    const lost = abandoned.bash(command, { id, onOutput: output.onOutput });
    await output.until('started');
    abandoned.client.close();
    await expect(lost).rejects.toMatchObject({ code: 'sandbox.failed' });

    const again = await sandbox.reconnect();
    const replayed = watchOutput();
    const attached = again.bash(command, { id, onOutput: replayed.onOutput });
    await replayed.until('started');
    await sandbox.call('write', { file_path: 'go', content: '' });
    expect(textOf(await attached)).toBe('started\n1');
  });

  test('a closed channel leaves nothing running inside', async () => {
    const bridges = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -oE 'STDIO UNIX-CONN[E]CT|supervisor.mjs bridg[e]' | wc -l";
    // One of its own, where no channel of another test is just being closed.
    const own = await aSandbox(engine());
    const before = textOf(await own.bash(bridges));
    const others = await Promise.all([own.reconnect(), own.reconnect()]);
    for (const other of others) other.client.close();
    await expect.poll(async () => textOf(await own.bash(bridges))).toBe(before);
  });

  test('output arrives while the command runs', async () => {
    const output = watchOutput();
    const running = sandbox.bash('echo first; until [ -e second ]; do sleep 0.05; done; echo last', { onOutput: output.onOutput });
    await output.until('first');
    await sandbox.call('write', { file_path: 'second', content: '' });
    expect(textOf(await running)).toBe('first\nlast');
  });

  test('an interrupt kills the whole process tree within two seconds', async () => {
    const controller = new AbortController();
    const output = watchOutput();
    const command = 'sleep 1001 & (setsid sleep 1002 &) ; nohup sleep 1003 >/dev/null 2>&1 & echo started; sleep 1004';
    const running = sandbox.bash(command, { signal: controller.signal, onOutput: output.onOutput });
    await output.until('started');
    const begin = performance.now();
    controller.abort();
    const outcome = await running;
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(outcome, textOf(outcome)).toMatchObject({ status: 'interrupted', is_error: true });
    expect(textOf(outcome)).toMatch(/^started\n\[Stopped: it was interrupted/);
    // Killed is not gone yet: the kernel of a sandbox takes its time.
    await expect.poll(async () => textOf(await sandbox.bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 100[1-4]'"))).toContain('0');
  });

  test('a call that is interrupted before it is sent never runs', async () => {
    const outcome = await sandbox.bash('touch never.txt', { signal: AbortSignal.abort() });
    expect(outcome.status).toBe('interrupted');
    expect(await sandbox.bash('ls never.txt')).toMatchObject({ is_error: true });
  });

  test('a cancel that overtakes its call keeps it from running, also over another channel', async () => {
    const id = freshId('sevt');
    sandbox.client.cancel(id);
    for (const channel of [sandbox, await sandbox.reconnect()]) {
      const outcome = await channel.bash('touch overtaken.txt', { id });
      expect(outcome, textOf(outcome)).toMatchObject({ status: 'interrupted', is_error: true });
    }
    expect(await sandbox.bash('ls overtaken.txt')).toMatchObject({ is_error: true });
  });

  test('a call that waits for the shell can be interrupted and then never runs', async () => {
    const output = watchOutput();
    const first = sandbox.bash('echo busy; until [ -e free ]; do sleep 0.05; done', { onOutput: output.onOutput });
    await output.until('busy');
    const controller = new AbortController();
    const queued = sandbox.bash('touch queued.txt', { signal: controller.signal });
    controller.abort();
    await sandbox.call('write', { file_path: 'free', content: '' });
    expect((await queued).status).toBe('interrupted');
    expect((await first).status).toBe('completed');
    expect(await sandbox.bash('ls queued.txt')).toMatchObject({ is_error: true });
  });

  test('a time limit ends the command, keeps what it printed and says so', async () => {
    const outcome = await sandbox.call('bash', { command: 'echo partial; sleep 1005', timeout_ms: 2_000 });
    expect(outcome).toMatchObject({ status: 'timed_out', is_error: true });
    expect(textOf(outcome)).toMatch(/^partial\n\[Stopped: its time limit of 2000 ms was reached/);
    expect(textOf(await sandbox.bash('echo next'))).toBe('next');
  });

  test("the caller's time limit bounds the one of the input", async () => {
    const outcome = await sandbox.call('bash', { command: 'sleep 1006', timeout_ms: 600_000 }, { timeoutMs: 400 });
    expect(outcome.status).toBe('timed_out');
  });

  test('other tools run beside a command', async () => {
    const output = watchOutput();
    const running = sandbox.bash('echo up; until [ -e beside ]; do sleep 0.05; done; echo seen', { onOutput: output.onOutput });
    await output.until('up');
    expect((await sandbox.call('write', { file_path: 'beside', content: '' })).is_error).toBe(false);
    expect(textOf(await running)).toBe('up\nseen');
  });
}
