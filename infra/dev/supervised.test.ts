import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Child } from './child-process.js';
import { recordNames } from './process-record.js';
import { supervise } from './supervised.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rondo-supervised-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('starts a program again when it was killed, says so, and not after stop', async () => {
  const said: string[] = [];
  const started: Child[] = [];
  const program = supervise({
    home,
    name: 'sleeper',
    command: 'sleep',
    words: ['600'],
    environment: { PATH: '/usr/bin:/bin' },
    log: (line) => said.push(line),
    onStart: (child) => started.push(child),
  });
  const first = program.pid;
  started[0]?.signal('SIGKILL');
  await expect.poll(() => started.length).toBe(2);
  expect(program.pid).not.toBe(first);
  expect(said).toEqual([expect.stringMatching(/^sleeper ended by SIGKILL; starting it again in 0\.5 s/)]);
  await program.stop('SIGTERM', 5_000);
  expect(started).toHaveLength(2);
  expect(recordNames(home)).toEqual([]);
});

it('waits longer each time for a program that ends at once', async () => {
  const file = join(home, 'starts');
  writeFileSync(file, '');
  const said: string[] = [];
  const program = supervise({
    home,
    name: 'broken',
    command: '/bin/sh',
    words: ['-c', `echo start >> ${file}; exit 3`],
    environment: { PATH: '/usr/bin:/bin' },
    log: (line) => said.push(line),
  });
  await expect.poll(() => said.length).toBe(3);
  await program.stop('SIGTERM', 1_000);
  expect(said.map((line) => /ended with code 3; .* in (\S+) s/.exec(line)?.[1])).toEqual(['0.5', '1', '2']);
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(3);
});
