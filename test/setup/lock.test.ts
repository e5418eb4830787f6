import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../scripts/setup/lock.mjs';
import { bootId, processStart } from '../../scripts/setup/process-identity.mjs';

const LOCK_MODULE = resolve('scripts/setup/lock.mjs');

let folder: string;
let lock: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-lock-'));
  lock = join(folder, 'some.lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A process that takes the lock and runs `body`, an async function's text with `log` and `sleep` at hand. */
function locker(body: string): ChildProcess {
  const code = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from ${JSON.stringify(LOCK_MODULE)};
    const log = (line) => appendFileSync(${JSON.stringify(join(folder, 'log'))}, line + '\\n');
    await withLock(${JSON.stringify(lock)}, 'a test', async () => { ${body} });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: 'ignore' });
  children.push(child);
  return child;
}

const ended = (child: ChildProcess): Promise<number | null> => new Promise((done) => child.once('exit', done));

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 20_000, interval: 20 }).toBe(true);
}

describe('withLock', () => {
  it('lets processes that start at once work one after another', async () => {
    const both = [1, 2, 3, 4].map((name) => locker(`log('in ${name}'); await sleep(50); log('out ${name}');`));
    expect(await Promise.all(both.map(ended))).toEqual([0, 0, 0, 0]);
    const lines = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(8);
    for (let index = 0; index < lines.length; index += 2) {
      expect(lines[index + 1]).toBe(lines[index]?.replace('in', 'out'));
    }
  });

  it('takes over from a holder that was killed', async () => {
    const holder = locker('log("held"); await sleep(600_000);');
    await until(() => existsSync(join(folder, 'log')));
    const end = ended(holder);
    holder.kill('SIGKILL');
    await end;
    expect(existsSync(lock)).toBe(true);
    expect(await withLock(lock, 'a test', () => Promise.resolve('taken'))).toBe('taken');
  });

  it('takes over a lock whose pid now belongs to another process', async () => {
    const recycled = { host: hostname(), boot: bootId(), pid: process.pid, start: `${Number(processStart(process.pid)) - 1}` };
    writeFileSync(lock, JSON.stringify(recycled));
    expect(await withLock(lock, 'a test', () => Promise.resolve('taken'))).toBe('taken');
  });

  it('gives the lock back when the work fails', async () => {
    await expect(withLock(lock, 'a test', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(lock)).toBe(false);
  });

  it('keeps waiting for a holder that lives', async () => {
    const holder = locker('log("held"); await sleep(600_000);');
    await until(() => existsSync(join(folder, 'log')));
    const second = locker('log("second");');
    // Ten looks at the lock is what the second one gets before the first ends.
    await new Promise((done) => setTimeout(done, 2_000));
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('held\n');
    holder.kill('SIGKILL');
    expect(await ended(second)).toBe(0);
    appendFileSync(join(folder, 'log'), 'end\n');
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('held\nsecond\nend\n');
  });
});
