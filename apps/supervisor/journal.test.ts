import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { textOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import { callDigest, openJournal } from './journal.js';

const directories: string[] = [];
const aDirectory = (): string => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rondo-journal-'));
  directories.push(directory);
  return directory;
};
afterEach(() => {
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true });
});

const digest = callDigest('bash', { command: 'true' });
const outcome = textOutcome('completed', 'done', false);

test('a finished call is found again with its outcome after a restart', () => {
  const directory = aDirectory();
  const before = openJournal(directory);
  before.start('call_1', digest);
  before.finish('call_1', outcome);

  const after = openJournal(directory);
  expect(after.inherited).toBe(true);
  expect(after.find('call_1')).toEqual({ digest, finished: true });
  expect(after.outcome('call_1')).toEqual(outcome);
});

test('a call that was started only is found unfinished', () => {
  const directory = aDirectory();
  openJournal(directory).start('call_1', digest);
  const after = openJournal(directory);
  expect(after.find('call_1')).toEqual({ digest, finished: false });
  expect(after.outcome('call_1')).toBeUndefined();
});

test('a call that was cancelled before it was made is found again without a digest', () => {
  const directory = aDirectory();
  const before = openJournal(directory);
  before.start('call_1', undefined);
  before.finish('call_1', outcome);
  expect(openJournal(directory).find('call_1')).toEqual({ digest: undefined, finished: true });
});

test('a record torn by a crash counts as never written and spoils no later one', () => {
  const directory = aDirectory();
  openJournal(directory).start('call_1', digest);
  fs.appendFileSync(path.join(directory, 'starts'), `call_2 ${digest.slice(0, 20)}`);
  openJournal(directory).start('call_3', digest);
  const after = openJournal(directory);
  expect(after.find('call_2')).toBeUndefined();
  expect(after.find('call_3')).toEqual({ digest, finished: false });
});

test('old outcomes make room for new ones, but their starts stay known', () => {
  const directory = aDirectory();
  const journal = openJournal(directory);
  const large = textOutcome('completed', 'x'.repeat(8 * 1024 * 1024), false);
  for (let call = 0; call < 10; call++) {
    journal.start(`call_${call}`, digest);
    journal.finish(`call_${call}`, large);
  }
  expect(journal.outcome('call_0')).toBeUndefined();
  expect(journal.find('call_0')).toEqual({ digest, finished: true });
  expect(journal.outcome('call_9')).toEqual(large);
  const bytes = fs.readdirSync(path.join(directory, 'outcomes')).reduce((sum, name) => sum + fs.statSync(path.join(directory, 'outcomes', name)).size, 0);
  expect(bytes).toBeLessThan(65 * 1024 * 1024);
});

test('a digest depends on name and input, not on the order of keys', () => {
  expect(callDigest('write', { a: 1, b: { c: 2, d: [1, 2] } })).toBe(callDigest('write', { b: { d: [1, 2], c: 2 }, a: 1 }));
  expect(callDigest('write', { a: [1, 2] })).not.toBe(callDigest('write', { a: [2, 1] }));
  expect(callDigest('bash', {})).not.toBe(callDigest('glob', {}));
});
