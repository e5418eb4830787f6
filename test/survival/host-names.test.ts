import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';
import { aHost, hostOf, liveHosts, SHELL, type TestHost, turn } from './hosts.fixture.js';

const LONG = 180_000;

let platform: Platform;
let first: TestHost;
let second: TestHost;
let copy: TestHost;

const REFUSAL = /code 78:[\s\S]*The host of sandboxes \\"north\\" is another data folder[\s\S]*Set RONDO_HOST_ID to another name here/;

beforeAll(async () => {
  platform = await startPlatform({ workers: 0, scripts: SHELL, environment: { RONDO_IDLE_CLOSE_SECONDS: '600', RONDO_JANITOR_SECONDS: '2' } });
  first = aHost(platform, 'north');
  second = aHost(platform, 'north');
  copy = aHost(platform, 'north');
  await first.startWorker();
  await waitFor('the first host to live', async () => (await liveHosts(platform)).length === 1);
}, LONG);
afterAll(async () => {
  await Promise.all([first.dispose(), second.dispose(), copy.dispose()]);
  await platform.stop();
});

describe('two data folders with one RONDO_HOST_ID', () => {
  it(
    'are noticed: the second does not start while the first one lives; another worker of the first does',
    async () => {
      await expect(second.startWorker()).rejects.toThrow(REFUSAL);
      const another = await first.startWorker();
      await another.stop();
      first.workers.splice(first.workers.indexOf(another), 1);
    },
    LONG,
  );

  it(
    'follow one another: what only the dead one had is lost and the agent is told, and a worker of it that comes back ends without doing harm',
    async () => {
      const { session_id } = await turn(platform, 'echo first > written.txt && cat written.txt');
      for (const worker of first.workers) worker.freeze();
      await second.startWorker();
      const { output_text } = await turn(platform, 'cat written.txt || echo nothing there', session_id);
      expect(output_text).toContain('everything written to /workspace and /mnt is lost, because the host that had it is gone');
      expect(output_text).toContain('nothing there');
      expect(await hostOf(platform, session_id)).toBe('north');
      await turn(platform, 'echo second > written.txt', session_id);

      for (const worker of first.workers) worker.thaw();
      await waitFor('the first to give way', () => first.workers.every((worker) => worker.output().includes('is another data folder')));
      expect((await turn(platform, 'cat written.txt', session_id)).output_text).toContain('second');
      await expectWholeLog(platform, session_id);
    },
    LONG,
  );
});

describe('a copy of a data folder', () => {
  it(
    "does not start while the original lives, and is another folder from then on: when the original dies, what is in the copy is nobody's",
    async () => {
      const { session_id } = await turn(platform, 'echo old > written.txt && cat written.txt');
      // Nothing comes or goes while it is copied.
      for (const worker of second.workers) worker.freeze();
      execFileSync('cp', ['-a', `${second.home}/.`, copy.home]);
      for (const worker of second.workers) worker.thaw();
      await turn(platform, 'echo new > written.txt', session_id);
      await expect(copy.startWorker()).rejects.toThrow(REFUSAL);
      const folderOf = ({ home }: TestHost) => readFileSync(join(home, 'folder-id'), 'utf8');
      expect(folderOf(copy)).not.toBe(folderOf(second));

      for (const worker of second.workers) worker.freeze();
      await copy.startWorker();
      const { output_text } = await turn(platform, 'cat written.txt || echo nothing there', session_id);
      expect(output_text).toContain('everything written to /workspace and /mnt is lost, because the host that had it is gone');
      expect(output_text).toContain('nothing there');
      await expectWholeLog(platform, session_id);
    },
    LONG,
  );
});
