import { afterAll, beforeAll, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, invoke, readLog, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({
    workers: 0,
    scripts: { 'one-effect': oneEffect(120), hello: { replies: [{ text: 'hello' }] } },
  });
});
afterAll(() => platform.stop());

it('a worker that was frozen past its heartbeat writes nothing when it wakes up', async () => {
  const zombie = await platform.startWorker();
  const first = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
  await waitForEffect(platform, first.session_id);
  zombie.freeze();
  await platform.startWorker();
  await waitFor(
    'the call to be taken over',
    async () => {
      const rows = await sql(platform, `select 1 from attempts where session_id = $1 and kind = 'tool_call' and attempt = 2`, [first.session_id]);
      return rows.length > 0;
    },
    90_000,
  );

  const interrupted = await platform.request('POST', `/v1/sessions/${first.session_id}/events`, { events: [{ type: 'user.interrupt' }] });
  expect(interrupted.status).toBe(200);
  expect(await waitForInvocation(platform, first.id)).toMatchObject({ status: 'interrupted' });
  const second = await invoke(platform, { session_id: first.session_id, input: 'hello again' });
  await waitForInvocation(platform, second.id, ['running', 'completed']);
  await platform.request('POST', `/v1/sessions/${first.session_id}/events`, { events: [{ type: 'user.interrupt' }] });
  await waitForInvocation(platform, second.id);
  const before = await expectWholeLog(platform, first.session_id);

  zombie.thaw();
  await platform.workers.pop()?.stop();
  const proof = await invoke(platform, { model: 'rehearsal/hello', input: 'are you there?' });
  expect(await waitForInvocation(platform, proof.id), 'the old worker works again').toMatchObject({ status: 'completed' });
  expect(await readLog(platform, first.session_id)).toEqual(before);
  expect(effectCount(platform, first.session_id)).toBeLessThanOrEqual(2);
}, 180_000);
