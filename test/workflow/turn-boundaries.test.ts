import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionWorkflowId } from '../../workflows/contract/names.js';
import { oneEffect, waitForEffect } from '../support/effects.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { lockSessionRow } from '../support/row-lock.js';
import { expectWholeLog, invoke, readLog, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;
const bash = (command: string) => ({ tool_calls: [{ name: 'bash', input: { command } }] });
const message = (text: string) => ({ type: 'user.message', content: [{ type: 'text', text }] });
const words = Array.from({ length: 300 }, (_, index) => `word${index}`).join(' ');

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      sleepy: { rules: [{ match: 'second', replies: [{ text: 'second answer' }] }], replies: [bash('sleep 3'), { text: 'end' }] },
      talk: { rules: [{ match: 'short', replies: [{ text: 'short' }] }], replies: [{ text: words, chunk_ms: 70 }] },
      'one-effect': oneEffect(20),
    },
  });
});
afterAll(() => platform.stop());

const send = (sessionId: string, ...events: object[]) => platform.request('POST', `/v1/sessions/${sessionId}/events`, { events });

describe('a turn that ends at a limit', () => {
  it('does not hold it against the message that was queued behind it', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/sleepy', input: 'go', limits: { max_steps: 1 } });
    await waitFor('a call', async () => (await readLog(platform, session_id)).some(({ type }) => type === 'agent.tool_use'));
    const second = await invoke(platform, { session_id, input: 'second' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ stop_reason: { cause: 'max_steps' } });
    expect(await waitForInvocation(platform, second.id)).toMatchObject({ status: 'completed', output_text: 'second answer' });
    await expectWholeLog(platform, session_id);
  });

  it('in seconds: the next turn has its own', async () => {
    const first = await invoke(platform, { model: 'rehearsal/talk', input: 'short', limits: { max_seconds: 4 } });
    await waitForInvocation(platform, first.id);
    await waitFor(
      'the first deadline to pass',
      async () =>
        (await sql(platform, `select 1 from sessions where id = $1 and turn_started_at < now() - interval '5 seconds'`, [first.session_id])).length > 0,
    );
    const second = await invoke(platform, { session_id: first.session_id, input: 'short again' });
    expect(await waitForInvocation(platform, second.id)).toMatchObject({ status: 'completed' });
  });

  it('in seconds: also while the very first answer is streamed', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/talk', input: 'go', limits: { max_seconds: 1 } });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'failed', stop_reason: { cause: 'max_seconds' } });
    await expectWholeLog(platform, session_id);
  });
});

it("an operator's Cancel in Temporal ends the turn in good order, and the next message begins a new run", async () => {
  const connection = await Connection.connect({ address: platform.temporalAddress });
  const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
  await waitForEffect(platform, session_id);
  await new Client({ connection, namespace: 'rondo' }).workflow.getHandle(sessionWorkflowId(session_id)).cancel();
  expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted' });
  await expectWholeLog(platform, session_id);
  await send(session_id, { type: 'user.interrupt' }, message('again'));
  await waitFor('the next turn', async () => (await readLog(platform, session_id)).filter(({ type }) => type === 'agent.tool_use').length === 2);
  await connection.close();
});

it('a kill with messages in the inbox leaves no message between a call and its result', async () => {
  const { session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
  await waitForEffect(platform, session_id);
  await send(session_id, message('queued'));
  await platform.request('POST', `/v1/sessions/${session_id}/kill`);
  await expectWholeLog(platform, session_id);
});

describe('a session whose row is locked by somebody who froze', () => {
  it('answers its own callers with a clear error, and does not take the gateway away from others', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/talk', input: 'short' });
    await waitForInvocation(platform, id);
    const lock = await lockSessionRow(platform, session_id);
    const sent = Promise.all(Array.from({ length: 40 }, () => send(session_id, message('short')).then(({ status }) => status)));
    await lock.waitForSomebody();
    const others = await invoke(platform, { model: 'rehearsal/talk', input: 'short' }).catch(() => undefined);
    expect(new Set(await sent)).toEqual(new Set([503]));
    const after = others ?? (await invoke(platform, { model: 'rehearsal/talk', input: 'short' }));
    expect(await waitForInvocation(platform, after.id)).toMatchObject({ status: 'completed' });
    await lock.release();
  });

  it('survives the loss of database connections in the middle of a transaction', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/talk', input: 'short' });
    await waitForInvocation(platform, id);
    const lock = await lockSessionRow(platform, session_id);
    const sent = send(session_id, message('short')).then(({ status }) => status);
    await lock.waitForSomebody();
    await sql(
      platform,
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'rondo-%' and wait_event_type = 'Lock' and datname = current_database()`,
    );
    expect(await sent).toBe(503);
    await lock.release();
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    const next = await invoke(platform, { session_id, input: 'short' });
    expect(await waitForInvocation(platform, next.id)).toMatchObject({ status: 'completed' });
  });
});
