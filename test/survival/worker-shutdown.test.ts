import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, resultTexts, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

/** Longer than a worker waits for its activities when it shuts down. */
const SECONDS = 25;
const LIMIT_MS = 60_000;

let platform: Platform;

beforeAll(async () => {
  const words = Array.from({ length: 250 }, (_, index) => `word${index}`).join(' ');
  platform = await startPlatform({
    workers: 0,
    scripts: { 'one-effect': oneEffect(SECONDS), streaming: { replies: [{ text: words, chunk_ms: 100 }] } },
  });
});
afterAll(() => platform.stop());

describe('a worker that is asked to end', () => {
  it('leaves its command running and its model request to be asked again: the next worker brings both to their end', async () => {
    const old = await platform.startWorker();
    const command = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    const answer = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await waitForEffect(platform, command.session_id);
    await waitFor('streamed text', async () => (await sql(platform, 'select 1 from deltas where session_id = $1 limit 1', [answer.session_id])).length > 0);
    await platform.startWorker();
    await old.stop();

    expect(await waitForInvocation(platform, command.id, undefined, LIMIT_MS)).toMatchObject({
      status: 'completed',
      output_text: expect.stringContaining('finished'),
    });
    expect(effectCount(platform, command.session_id)).toBe(1);
    expect(resultTexts(await expectWholeLog(platform, command.session_id))).toEqual([expect.stringMatching(/^finished/)]);
    expect(await waitForInvocation(platform, answer.id, undefined, LIMIT_MS)).toMatchObject({
      status: 'completed',
      output_text: expect.stringMatching(/^word0 .*word249$/),
    });
    await expectWholeLog(platform, answer.session_id);
    const attempts = (kind: string, sessionId: string) =>
      sql(platform, 'select outcome, retried_because from attempts where session_id = $1 and kind = $2 order by started_at', [sessionId, kind]);
    expect(await attempts('tool_call', command.session_id)).toEqual([
      { outcome: 'error', retried_because: null },
      { outcome: 'ok', retried_because: 'service.unavailable' },
    ]);
    expect((await attempts('model_call', answer.session_id)).at(-1)).toMatchObject({ outcome: 'ok' });
  }, 150_000);
});
