import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { holdState, lockSessionRow } from '../support/row-lock.js';
import { sandboxProviders } from '../support/sandbox-providers.js';
import { expectWholeLog, invoke, readLog, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;

beforeAll(async () => {
  const words = Array.from({ length: 100 }, (_, index) => `word${index}`).join(' ');
  platform = await startPlatform({
    scripts: { 'one-effect': oneEffect(2), quick: oneEffect(0), streaming: { replies: [{ text: words, chunk_ms: 60 }] } },
  });
});
afterAll(() => platform.stop());

/** Kills the only worker now and starts another. */
async function replaceWorker(): Promise<void> {
  await platform.workers.pop()?.kill();
  await platform.startWorker();
}

describe('a worker that is killed', () => {
  it('while the model streams: the answer is in the log once, under the id that was announced', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    const announced = await waitFor('streamed text', async () => {
      const rows = await sql<{ event_id: string }>(platform, 'select event_id from deltas where session_id = $1 limit 1', [session_id]);
      return rows[0]?.event_id;
    });
    await replaceWorker();
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: expect.stringMatching(/^word0 .*word99$/) });
    const messages = (await expectWholeLog(platform, session_id)).filter(({ type }) => type === 'agent.message');
    expect(messages.map((message) => message.id)).toEqual([announced]);
    const attempts = await sql(platform, `select outcome, retried_because from attempts where session_id = $1 and kind = 'model_call' order by started_at`, [
      session_id,
    ]);
    expect(attempts).toEqual([
      { outcome: 'lost', retried_because: null },
      { outcome: 'ok', retried_because: 'the attempt before was lost' },
    ]);
  });

  it('while a command runs: the next worker attaches to it, and its effect is there once', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    await replaceWorker();
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('finished') });
    expect(effectCount(platform, session_id)).toBe(1);
    expect(resultTexts(await expectWholeLog(platform, session_id))).toEqual([expect.stringContaining('finished')]);
  });

  it('between the end of a command and its record: the result is read again, the command is not run again', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    const lock = await lockSessionRow(platform, session_id);
    await lock.waitForSomebody();
    await platform.workers.pop()?.kill();
    await lock.release();
    await platform.startWorker();
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'completed', output_text: expect.stringContaining('finished') });
    expect(effectCount(platform, session_id)).toBe(1);
    await expectWholeLog(platform, session_id);
  });

  it('between making a sandbox and recording it: the sandbox is adopted, not made twice', async () => {
    const record = await holdState(platform, 'sandboxes', 'ready');
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/quick', input: 'go' });
    await record.waitForSomebody();
    await platform.workers.pop()?.kill();
    await record.release();
    await platform.startWorker();
    await waitForInvocation(platform, id);
    const [docker] = sandboxProviders(platform.home);
    const own = (await docker?.list())?.filter((name) => name.includes(session_id));
    expect(own).toHaveLength(1);
    expect(effectCount(platform, session_id)).toBe(1);
    await expectWholeLog(platform, session_id);
  });

  it('leaves a session that takes the next message as if nothing had happened', async () => {
    const first = await invoke(platform, { model: 'rehearsal/quick', input: 'go' });
    await waitForInvocation(platform, first.id);
    await replaceWorker();
    const second = await invoke(platform, { session_id: first.session_id, input: 'again' });
    await waitForInvocation(platform, second.id);
    expect(effectCount(platform, first.session_id)).toBe(2);
    expect((await readLog(platform, first.session_id)).filter(({ type }) => type === 'user.message')).toHaveLength(2);
    await expectWholeLog(platform, first.session_id);
  });
});
