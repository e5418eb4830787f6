import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { type OwnEnvironment, ownEnvironment, waitForTurns, workStates } from '../support/self-hosted.js';
import { expectWholeLog, type LogRow, readLog } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

/** Two rounds of tools; the second leaves its mark at once and stays busy. */
const rounds = (seconds: number) => ({
  replies: [
    { tool_calls: [{ name: 'bash', input: { command: 'echo one >> effects; echo first' } }] },
    { tool_calls: [{ name: 'bash', input: { command: `echo two >> effects; sleep ${seconds}; echo second` } }] },
    { text: 'The result was: {{last_result}}' },
  ],
});

/** The SDK's worker beats twice in that time: it may be late by half of it. */
const LEASE = { RONDO_WORK_LEASE_SECONDS: '8' };

let platform: Platform;
let own: OwnEnvironment;

beforeAll(async () => {
  platform = await startPlatform({
    environment: LEASE,
    scripts: {
      'slow-rounds': rounds(60),
      'quick-rounds': rounds(0),
      'busy-rounds': rounds(4),
      'read-skill': { replies: [{ tool_calls: [{ name: 'read', input: { file_path: 'skills/counting/SKILL.md' } }] }, { text: '{{last_result}}' }] },
      one: { replies: [{ tool_calls: [{ name: 'bash', input: { command: 'echo effect >> effects-{{input}}' } }] }, { text: 'done' }] },
    },
  });
});
afterAll(() => platform.stop());
afterEach(() => own.stop());

const lastMessage = (log: readonly LogRow[]): string => log.findLast(({ type }) => type === 'agent.message')?.body.content[0].text;

it('a worker killed in the second of two rounds is replaced: its effect is there at most once and the model is told', async () => {
  own = await ownEnvironment(platform);
  const first = await own.startWorker();
  const session = await own.startSession('rehearsal/slow-rounds');
  await waitFor('the second command to run', () => own.lines('effects').includes('two'));
  await first.kill();
  await own.startWorker();
  await waitForTurns(platform, session, 1);

  expect(own.lines('effects')).toEqual(['one', 'two']);
  const log = await expectWholeLog(platform, session);
  expect(lastMessage(log)).toMatch(/^The result was: The worker that had this call was lost.*unknown/);
  const results = log.filter(({ type }) => type === 'user.tool_result').map(({ body }) => body.is_error);
  expect(results).toEqual([false, true]);
});

it('a worker that was frozen past its lease changes nothing when it wakes up', async () => {
  own = await ownEnvironment(platform);
  const zombie = await own.startWorker();
  const session = await own.startSession('rehearsal/busy-rounds');
  await waitFor('the second command to run', () => own.lines('effects').includes('two'));
  zombie.freeze();
  await own.startWorker();
  await waitForTurns(platform, session, 1);
  const before = await expectWholeLog(platform, session);

  zombie.thaw();
  await waitFor('the zombie to learn that its lease is lost', () => /lease lost|permanent stream failure|heartbeat precondition/.test(zombie.output()));
  await platform.sdk.beta.sessions.events.send(session, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'again' }] }] });
  await waitForTurns(platform, session, 2);
  const after = await expectWholeLog(platform, session);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(own.lines('effects')).toEqual(['one', 'two', 'one', 'two']);
});

it('a worker leaves when nothing is to do, and later input calls one anew', async () => {
  own = await ownEnvironment(platform);
  await own.startWorker();
  const session = await own.startSession('rehearsal/quick-rounds');
  await waitForTurns(platform, session, 1);
  await waitFor('the worker to leave', async () => (await workStates(platform, session)).join() === 'stopped');
  await platform.sdk.beta.sessions.events.send(session, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'again' }] }] });
  await waitForTurns(platform, session, 2);
  expect(own.lines('effects')).toEqual(['one', 'two', 'one', 'two']);
  expect((await workStates(platform, session)).length).toBe(2);
  await expectWholeLog(platform, session);
});

it("a worker has the session's skills before its first call", async () => {
  own = await ownEnvironment(platform);
  const text = '---\nname: counting\ndescription: Counts.\n---\nCount to three.\n';
  const skill = await platform.sdk.beta.skills.create({ files: [await toFile(Buffer.from(text), 'counting/SKILL.md')] });
  await own.startWorker();
  const session = await own.startSession('rehearsal/read-skill', { skills: [{ type: 'custom', skill_id: skill.id }] });
  await waitForTurns(platform, session, 1);
  expect(lastMessage(await expectWholeLog(platform, session))).toContain('Count to three.');
});

it('the command line makes a key that takes work', async () => {
  own = await ownEnvironment(platform);
  const session = await own.startSession('rehearsal/one', { text: 'queued' });
  const { stdout } = await promisify(execFile)(process.execPath, ['dist/apps/cli/main.js', 'environments', 'keys', 'create', own.id, '--name', 'rack'], {
    env: { ...process.env, RONDO_PUBLIC_URL: platform.url, RONDO_API_KEY: platform.key },
  });
  const client = new Anthropic({ authToken: stdout.trim(), apiKey: null, baseURL: platform.url });
  expect((await client.beta.environments.work.poll(own.id))?.data).toEqual({ type: 'session', id: session });
});

it('workers side by side run every call of every session once', async () => {
  own = await ownEnvironment(platform);
  await Promise.all([own.startWorker(), own.startWorker(), own.startWorker()]);
  const names = ['a', 'b', 'c', 'd'];
  const sessions = await Promise.all(names.map((name) => own.startSession('rehearsal/one', { text: name })));
  for (const session of sessions) {
    await waitForTurns(platform, session, 1);
    await expectWholeLog(platform, session);
  }
  for (const name of names) expect(own.lines(`effects-${name}`), name).toEqual(['effect']);
});

it('an interrupt ends the turn while a worker is busy, and its late result changes nothing', async () => {
  own = await ownEnvironment(platform);
  await own.startWorker();
  const session = await own.startSession('rehearsal/busy-rounds');
  await waitFor('the second command to run', () => own.lines('effects').includes('two'));
  await platform.sdk.beta.sessions.events.send(session, { events: [{ type: 'user.interrupt' }] });
  await waitForTurns(platform, session, 1);
  const before = await expectWholeLog(platform, session);
  await platform.sdk.beta.sessions.events.send(session, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'again' }] }] });
  await waitForTurns(platform, session, 2);
  const after = await expectWholeLog(platform, session);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(lastMessage(after)).toContain('second');
});

it('a call that must be confirmed runs on the worker after the confirmation, not before', async () => {
  own = await ownEnvironment(platform);
  await own.startWorker();
  const session = await own.startSession('rehearsal/one', { text: 'asked', policy: 'always_ask' });
  const call = await waitFor('the call', async () => (await readLog(platform, session)).find(({ type }) => type === 'agent.tool_use'));
  await waitFor('the worker', async () => (await workStates(platform, session)).includes('active'));
  expect(own.lines('effects-asked')).toEqual([]);
  await platform.sdk.beta.sessions.events.send(session, { events: [{ type: 'user.tool_confirmation', tool_use_id: call.id, result: 'allow' }] });
  await waitForTurns(platform, session, 1);
  expect(own.lines('effects-asked')).toEqual(['effect']);
});

it('the poller and the tool runner work by themselves, with the environment key alone', async () => {
  own = await ownEnvironment(platform);
  await own.startWorker('toolRunner');
  const session = await own.startSession('rehearsal/quick-rounds');
  await waitForTurns(platform, session, 1);
  expect(own.lines('effects')).toEqual(['one', 'two']);
  await waitFor('the poller to stop the item', async () => (await workStates(platform, session)).join() === 'stopped');
  await expectWholeLog(platform, session);
});

it("a killed worker's call is run again where the environment says so", async () => {
  own = await ownEnvironment(platform, { on_worker_loss: 'rerun' });
  const first = await own.startWorker();
  const session = await own.startSession('rehearsal/busy-rounds');
  await waitFor('the second command to run', () => own.lines('effects').includes('two'));
  await first.kill();
  await own.startWorker();
  await waitForTurns(platform, session, 1);
  expect(own.lines('effects')).toEqual(['one', 'two', 'two']);
  expect(lastMessage(await expectWholeLog(platform, session))).toContain('second');
});
