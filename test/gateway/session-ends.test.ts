import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSeal } from '../../activities/session/seal.js';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';
import { asOwner } from './self-hosted.fixture.js';
import { begin, newSession } from './turns.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

const message = { events: [{ type: 'user.message' as const, content: [{ type: 'text' as const, text: 'hello' }] }] };
const ref = (sessionId: string): Parameters<TestGateway['store']['locked']>[0] => ({ sessionId, workspaceId: gateway.workspaceId });

/** What the session's run does when it is told to look. */
const look = (sessionId: string) =>
  createSeal({ store: gateway.store, defaultMaxSteps: 50, stopCalls: async () => undefined })({ ...ref(sessionId), epoch: null, cause: null });

/** Whether a worker's sweep will tell the session's run to look. */
const isSwept = async (sessionId: string): Promise<boolean> =>
  (await asOwner(gateway, 'select wake_needed from sessions where id = $1', [sessionId]))[0]?.['wake_needed'] === true;

/** A session whose turn is under way, with one call that its client must answer. */
async function waiting(): Promise<string> {
  const id = await newSession(gateway);
  await gateway.sdk().beta.sessions.events.send(id, message);
  await begin(gateway, id);
  await gateway.store.locked(ref(id), async (session) => {
    const [event] = await session.append([{ type: 'agent.custom_tool_use', body: { name: 'lookup', input: {} } }]);
    const call = { id: event?.id ?? '', step: 1, ordinal: 1, name: 'lookup', mcpServerName: null, decideBy: null, finished: false } as const;
    await session.addToolCalls([{ ...call, kind: 'custom', permission: 'allow' }]);
    await session.update({ status: 'idle', turn: 1, modelDue: true, stopReason: { type: 'requires_action', event_ids: [call.id] } });
  });
  return id;
}

describe('the run of a session that has ended', () => {
  it('is told of an archiving, which it would never see while it waits for the client, until it has looked', async () => {
    const id = await waiting();
    await gateway.sdk().beta.sessions.archive(id);
    expect(await isSwept(id)).toBe(true);
    expect(await look(id)).toEqual({ kind: 'terminated' });
    expect(await isSwept(id)).toBe(false);
  });

  it('is not told for ever of an input that came before a kill', async () => {
    const id = await newSession(gateway);
    await gateway.sdk().beta.sessions.events.send(id, message);
    expect((await gateway.request('POST', `/v1/sessions/${id}/kill`)).status).toBe(200);
    expect(await look(id)).toEqual({ kind: 'terminated' });
    expect(await isSwept(id)).toBe(false);
  });

  it('is not begun for a session that never had one', async () => {
    const id = await newSession(gateway);
    await gateway.sdk().beta.sessions.archive(id);
    expect(await isSwept(id)).toBe(false);
  });

  it('finds a deleted session terminated', async () => {
    const id = await waiting();
    await gateway.sdk().beta.sessions.delete(id);
    expect(await look(id)).toEqual({ kind: 'terminated' });
  });
});
