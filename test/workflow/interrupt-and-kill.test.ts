import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCount, oneEffect, waitForEffect } from '../support/effects.js';
import { openStream } from '../support/live-stream.js';
import { type Platform, startPlatform } from '../support/platform.js';
import { sandboxProviders } from '../support/sandbox-providers.js';
import { expectWholeLog, invoke, readLog, resultTexts, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;
const words = Array.from({ length: 300 }, (_, index) => `word${index}`).join(' ');

beforeAll(async () => {
  platform = await startPlatform({
    scripts: {
      'one-effect': {
        rules: [{ match: 'what happened', replies: [{ text: 'Nothing much.' }] }],
        replies: oneEffect(60).replies,
      },
      streaming: { rules: [{ match: 'short', replies: [{ text: 'short' }] }], replies: [{ text: words, chunk_ms: 50 }] },
      asking: { replies: [{ tool_calls: [{ name: 'bash', input: { command: 'echo never' } }] }, { text: 'x' }] },
    },
  });
});
afterAll(() => platform.stop());

const send = (sessionId: string, ...events: object[]) => platform.request('POST', `/v1/sessions/${sessionId}/events`, { events });
const kill = (sessionId: string) => platform.request('POST', `/v1/sessions/${sessionId}/kill`);

describe('an interrupt', () => {
  it('stops a running command, seals its call, and the next message works', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    expect((await send(session_id, { type: 'user.interrupt' })).status).toBe(200);
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted', stop_reason: { cause: 'interrupted' } });
    expect(resultTexts(await expectWholeLog(platform, session_id))).toEqual([expect.stringContaining('stopped while it ran')]);

    const next = await invoke(platform, { session_id, input: 'what happened?' });
    expect(await waitForInvocation(platform, next.id)).toMatchObject({ status: 'completed', output_text: 'Nothing much.' });
    expect(effectCount(platform, session_id)).toBe(1);
  });

  it("closes the provider's connection in the middle of a stream", async () => {
    platform.rehearsal.forgetRequests();
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await platform.rehearsal.waitForRequest(({ script }) => script === 'streaming');
    await send(session_id, { type: 'user.interrupt' });
    await waitForInvocation(platform, id, ['interrupted']);
    await waitFor('the provider to see the connection closed', () => platform.rehearsal.requests().some(({ end }) => end === 'closed_early'));
    await expectWholeLog(platform, session_id);
  });

  it('goes before messages that were queued; they start the next turn', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await waitForInvocation(platform, id, ['running']);
    const queued = await invoke(platform, { session_id, input: 'short, please' });
    await send(session_id, { type: 'user.interrupt' });
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'interrupted' });
    expect(await waitForInvocation(platform, queued.id)).toMatchObject({ status: 'completed', output_text: 'short' });
    const log = await expectWholeLog(platform, session_id);
    const order = log.map(({ type }) => type).filter((type) => ['user.interrupt', 'user.message', 'session.status_idle'].includes(type));
    expect(order).toEqual(['user.message', 'user.interrupt', 'session.status_idle', 'user.message', 'session.status_idle']);
  });

  it('with a message in the same request: the message is answered', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await waitForInvocation(platform, id, ['running']);
    await send(session_id, { type: 'user.interrupt' }, { type: 'user.message', content: [{ type: 'text', text: 'short' }] });
    await waitForInvocation(platform, id, ['interrupted']);
    await waitFor('the answer', async () =>
      (await readLog(platform, session_id)).some(({ type, body }) => type === 'agent.message' && body.content[0].text === 'short'),
    );
    await waitFor('the session to be idle', async () => (await readLog(platform, session_id)).at(-1)?.type === 'session.status_idle');
    await expectWholeLog(platform, session_id);
  });

  it('of a session that waits for a person: the call is not run, and the session is free', async () => {
    const tools = [{ type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'always_ask' } } }];
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/asking', input: 'go', tools });
    await waitForInvocation(platform, id, ['requires_action']);
    await send(session_id, { type: 'user.interrupt' });
    await waitForInvocation(platform, id, ['interrupted']);
    expect(resultTexts(await expectWholeLog(platform, session_id))).toEqual([expect.stringContaining('was not run')]);
  });

  it('of an idle session changes nothing', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'short' });
    await waitForInvocation(platform, id);
    await send(session_id, { type: 'user.interrupt' });
    await waitFor('the interrupt to be in the log', async () => (await readLog(platform, session_id)).some(({ type }) => type === 'user.interrupt'));
    const next = await invoke(platform, { session_id, input: 'short' });
    expect(await waitForInvocation(platform, next.id)).toMatchObject({ status: 'completed' });
  });

  it('ten at once, with messages between them, leave a whole log', async () => {
    const { session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        send(session_id, { type: 'user.interrupt' }, { type: 'user.message', content: [{ type: 'text', text: `short ${index}` }] }),
      ),
    );
    await waitFor('the session to come to rest', async () => {
      const log = await readLog(platform, session_id);
      return log.filter(({ type }) => type === 'user.message').length === 11 && log.at(-1)?.type === 'session.status_idle';
    });
    await expectWholeLog(platform, session_id);
  });
});

describe('a kill', () => {
  it('ends model call, tools and sandbox; nothing is written afterwards; the stream ends', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/one-effect', input: 'go' });
    await waitForEffect(platform, session_id);
    const stream = await openStream(platform, `/v1/sessions/${session_id}/events/stream?after=0`);
    expect((await kill(session_id)).status).toBe(200);
    const [docker] = sandboxProviders(platform.home);
    await waitFor('the sandbox to be gone', async () => !(await docker?.list())?.some((name) => name.includes(session_id)));
    await stream.ended;
    expect(stream.frames.at(-1)?.event).toBe('session.status_terminated');
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'killed' });
    const log = await readLog(platform, session_id);
    expect(log.at(-1)?.type).toBe('session.status_terminated');
    expect(await expectWholeLog(platform, session_id)).toEqual(log);
  });

  it('works without a worker: the row says so at once, and what comes later is refused', async () => {
    const { id, session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'speak' });
    await waitForInvocation(platform, id, ['running']);
    await platform.workers.pop()?.kill();
    expect((await kill(session_id)).status).toBe(200);
    expect(await waitForInvocation(platform, id)).toMatchObject({ status: 'killed' });
    const refused = await send(session_id, { type: 'user.message', content: [{ type: 'text', text: 'hello?' }] });
    expect(refused.status).toBe(409);
    await platform.startWorker();
    const log = await readLog(platform, session_id);
    expect(log.at(-1)?.type).toBe('session.status_terminated');
    const other = await invoke(platform, { model: 'rehearsal/streaming', input: 'short' });
    await waitForInvocation(platform, other.id);
    expect(await readLog(platform, session_id)).toEqual(log);
  });

  it('can be repeated', async () => {
    const { session_id } = await invoke(platform, { model: 'rehearsal/streaming', input: 'short' });
    expect((await kill(session_id)).status).toBe(200);
    expect((await kill(session_id)).status).toBe(200);
    await expectWholeLog(platform, session_id);
  });
});
