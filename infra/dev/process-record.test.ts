import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootId, processStart } from '../../scripts/setup/process-identity.mjs';
import { startChild } from './child-process.js';
import { endRecorded, livingRecord, recordFile, recordNames } from './process-record.js';

let home: string;
const strays: ChildProcess[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rondo-record-'));
});
afterEach(() => {
  for (const stray of strays.splice(0)) stray.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

const sleeper = (name: string) => startChild({ home, name, command: 'sleep', words: ['600'], environment: { PATH: '/usr/bin:/bin' } });

describe('a recorded process', () => {
  it('has its record as soon as it is the program, and none when it has ended', async () => {
    const child = sleeper('one');
    await expect.poll(() => livingRecord(home, 'one')?.pid).toBe(child.pid);
    await child.stop('SIGTERM', 5_000);
    expect(recordNames(home)).toEqual([]);
  });

  it('is ended by whoever finds its record', async () => {
    const child = sleeper('one');
    await expect.poll(() => livingRecord(home, 'one')).toBeDefined();
    await endRecorded(home, 'one', 'SIGTERM', 5_000);
    expect(await child.ended).toBe('ended by SIGTERM');
  });

  it('is killed if it does not end in time', async () => {
    // The record is written before the program begins, and so before it can be stubborn.
    const ready = join(home, 'ready');
    const words = ['-c', `trap "" TERM; touch ${ready}; while :; do sleep 1; done`];
    const child = startChild({ home, name: 'stubborn', command: '/bin/sh', words, environment: { PATH: '/usr/bin:/bin' } });
    await expect.poll(() => existsSync(ready)).toBe(true);
    await endRecorded(home, 'stubborn', 'SIGTERM', 300);
    expect(await child.ended).toBe('ended by SIGKILL');
  });

  it('is not confused with a later process of the same pid', async () => {
    const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    strays.push(stranger);
    const pid = stranger.pid ?? 0;
    const start = `${Number(processStart(pid)) - 1}`;
    writeFileSync(recordFile(home, 'recycled'), JSON.stringify({ pid, start, boot: bootId() }));
    await endRecorded(home, 'recycled', 'SIGKILL', 1_000);
    expect(processStart(pid)).toBeDefined();
    expect(recordNames(home)).toEqual([]);
  });

  it('counts for nothing after a reboot', () => {
    writeFileSync(recordFile(home, 'old'), JSON.stringify({ pid: process.pid, start: processStart(process.pid), boot: 'another boot' }));
    expect(livingRecord(home, 'old')).toBeUndefined();
  });

  it('is still recorded when its parent is killed, so the next start can end it', async () => {
    const code = `
      import { startChild } from ${JSON.stringify(resolve('dist/infra/dev/child-process.js'))};
      const child = startChild({ home: ${JSON.stringify(home)}, name: 'orphan', command: 'sleep', words: ['600'], environment: { PATH: '/usr/bin:/bin' } });
      console.log(child.pid);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const pid = Number(line);
    parent.kill('SIGKILL');
    await expect.poll(() => livingRecord(home, 'orphan')?.pid).toBe(pid);
    await endRecorded(home, 'orphan', 'SIGTERM', 5_000);
    expect(processStart(pid)).toBeUndefined();
  });
});
