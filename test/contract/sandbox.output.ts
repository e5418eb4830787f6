import { expect, test } from 'vitest';
import { heldBytes } from '../support/memory.js';
import type { TestEngine } from '../support/sandbox-engines.js';
import { aSandbox, freshId, MEBIBYTE, type SandboxUnderTest, SUPERVISOR, textOf } from './sandbox.fixture.js';

/** What the supervisor has in memory now, had at most, and shares with nobody, in bytes, as its kernel counts it. */
async function memoryOfSupervisor(sandbox: SandboxUnderTest): Promise<{ now: number; most: number; own: number }> {
  const status = textOf(await sandbox.bash(`cat /proc/${SUPERVISOR}/status`));
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { now: kilobytes('VmRSS') * 1024, most: kilobytes('VmHWM') * 1024, own: kilobytes('RssAnon') * 1024 };
}

/** Output as a reader puts it together; `gaps` are places where some is missing. */
function aReader(from = 0) {
  let end = from;
  let text = '';
  let gaps = 0;
  return {
    get end() {
      return end;
    },
    get text() {
      return text;
    },
    get gaps() {
      return gaps;
    },
    onOutput(piece: string, offset: number) {
      expect(offset, 'no piece comes again').toBeGreaterThanOrEqual(end);
      if (offset > end) gaps += 1;
      text += piece;
      end = offset + Buffer.byteLength(piece);
    },
  };
}

/** Output while it is printed: whole for who keeps up, bounded for everybody. */
export function describeOutput(engine: () => TestEngine): void {
  test('output goes on behind a broken connection: every line once, and all of them in the result', async () => {
    const sandbox = await aSandbox(engine());
    const id = freshId('sevt');
    const lines = Array.from({ length: 400 }, (_, index) => `line ${index} ä🙂\n`).join('');
    // It prints on for each connection, so that there is something to come however long it takes to connect.
    const command = `for i in $(seq 0 399); do echo "line $i ä🙂"; [ $((i % 100)) = 0 ] && until [ -e go-$i ]; do sleep 0.05; done; sleep 0.002; done; until [ -e end ]; do sleep 0.05; done`;
    const goOn = (from: number) => sandbox.call('write', { file_path: `go-${from}`, content: '' });
    let text = '';
    let from = 0;
    for (const gate of [0, 100, 200]) {
      const connection = await sandbox.reconnect();
      const reader = aReader(from);
      const running = connection.bash(command, { id, outputFrom: from, onOutput: reader.onOutput }).catch(() => undefined);
      await goOn(gate);
      await expect.poll(() => reader.end, { interval: 5 }).toBeGreaterThan(from);
      connection.client.close();
      await running;
      expect(reader.gaps).toBe(0);
      text += reader.text;
      from = reader.end;
    }
    const last = await sandbox.reconnect();
    const reader = aReader(from);
    const running = last.bash(command, { id, outputFrom: from, onOutput: reader.onOutput });
    await goOn(300);
    await expect.poll(() => text + reader.text).toBe(lines);
    await sandbox.call('write', { file_path: 'end', content: '' });
    expect(`${textOf(await running)}\n`).toBe(lines);
  });

  test('who comes late goes on where he was: what is not in memory any more comes from the file', async () => {
    const sandbox = await aSandbox(engine());
    const id = freshId('sevt');
    const printed = 600 * 1024;
    const command = `head -c ${printed} /dev/zero | tr '\\0' x; touch printed; until [ -e end ]; do sleep 0.05; done`;
    const connection = await sandbox.reconnect();
    const abandoned = connection.bash(command, { id }).catch(() => undefined);
    await expect.poll(async () => textOf(await sandbox.call('glob', { pattern: 'printed' }))).toContain('printed');
    connection.client.close();
    await abandoned;
    const reader = aReader(10);
    const running = sandbox.bash(command, { id, outputFrom: 10, onOutput: reader.onOutput });
    await expect.poll(() => reader.end).toBe(printed);
    expect({ gaps: reader.gaps, length: reader.text.length }).toEqual({ gaps: 0, length: printed - 10 });
    await sandbox.call('write', { file_path: 'end', content: '' });
    await running;
  });

  test('two gigabytes of output are cut with a notice, at a pace of their own, and nobody holds them in memory', async () => {
    const sandbox = await aSandbox(engine());
    await sandbox.bash('yes | head -c 20000000');
    const before = await memoryOfSupervisor(sandbox);
    const ownBefore = heldBytes();
    let ownMost = ownBefore;
    const watch = setInterval(() => {
      ownMost = Math.max(ownMost, heldBytes());
    }, 500);
    const id = freshId('sevt');
    const reader = aReader();
    // gVisor copies slowly: a tenth of it shows the same.
    const size = engine().provider.isolation === 'gvisor' ? 200_000_000 : 2_000_000_000;
    const outcome = await sandbox.bash(`yes 0123456789abcdef | head -c ${size}; echo; echo the end`, { id, onOutput: reader.onOutput, timeoutMs: 110_000 });
    clearInterval(watch);
    const text = textOf(outcome);
    expect(outcome.status, text.slice(-200)).toBe('completed');
    expect(text).toContain(
      `The output has ${size + 9} bytes; only the last ${100 * 1024} are shown. Its first ${64 * MEBIBYTE} bytes are in /workspace/.rondo/outputs/${id}.txt`,
    );
    expect(text.endsWith('the end')).toBe(true);
    expect(reader.gaps).toBeGreaterThan(0);
    expect(reader.text.length).toBeLessThan(60 * MEBIBYTE);
    const after = await memoryOfSupervisor(sandbox);
    expect(after.now - before.now).toBeLessThan(24 * MEBIBYTE);
    // gVisor does not tell it.
    if (!Number.isNaN(after.most)) expect(after.most).toBeLessThan(128 * MEBIBYTE);
    expect(ownMost - ownBefore).toBeLessThan(128 * MEBIBYTE);
  }, 240_000);

  test('a supervisor that has worked takes little memory of its own', async () => {
    const sandbox = await aSandbox(engine());
    const idle = await memoryOfSupervisor(sandbox);
    for (let index = 0; index < 20; index += 1) {
      await sandbox.bash('seq 1 2000');
      await sandbox.call('write', { file_path: 'notes.txt', content: 'x'.repeat(10_000) });
      await sandbox.call('read', { file_path: 'notes.txt' });
      await sandbox.call('grep', { pattern: 'x+', path: '.' });
    }
    const { now, own } = await memoryOfSupervisor(sandbox);
    expect(now - idle.now).toBeLessThan(40 * MEBIBYTE);
    // What it does not share with every other supervisor of the host; gVisor does not tell them apart.
    if (!Number.isNaN(own)) expect(own).toBeLessThan(60 * MEBIBYTE);
  });
}
