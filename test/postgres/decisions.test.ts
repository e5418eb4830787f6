import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptInputs } from '../../activities/session/accept-inputs.js';
import { createSettle } from '../../activities/session/settle.js';
import { newId } from '../../infra/ids.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { ToolCallRecord } from '../../workflows/contract/records.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;

beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture.stop());

/** A call that waits for a person. */
async function aWaitingCall(decideBy = new Date(Date.now() + 600_000)): Promise<{ ref: SessionRef; callId: string }> {
  const ref = await aSession(fixture, { policy: 'always_ask' });
  const callId = newId('event');
  await fixture.store.locked(ref, async (session) => {
    await session.update({ turn: 1, status: 'running', modelDue: true });
    await session.append([{ id: callId, type: 'agent.tool_use', body: { name: 'bash', input: { command: 'true' }, evaluated_permission: 'ask' } }]);
    await session.addToolCalls([
      { id: callId, step: 1, ordinal: 1, name: 'bash', kind: 'sandbox', mcpServerName: null, permission: 'ask', decideBy, finished: false },
    ]);
  });
  return { ref, callId };
}

const callOf = (ref: SessionRef, callId: string): Promise<ToolCallRecord | undefined> => fixture.store.locked(ref, (session) => session.findToolCall(callId));

describe('twenty people who decide about one call at the same time', () => {
  it('are told apart: one decides, and the row says which', async () => {
    const { ref, callId } = await aWaitingCall();
    const deciders = Array.from({ length: 20 }, (_, index) => ({
      result: index % 2 === 0 ? ('allow' as const) : ('deny' as const),
      by: `person-${index}`,
      denyMessage: null,
    }));
    const won = await Promise.all(deciders.map((decision) => fixture.store.locked(ref, (session) => session.decide(callId, decision))));
    expect(won.filter(Boolean)).toHaveLength(1);
    const winner = deciders[won.indexOf(true)];
    expect(await callOf(ref, callId)).toMatchObject({ decision: winner?.result, decidedBy: winner?.by });
  });

  it('and come by two doors, HTTP and signal: one wins, the others are refused with a reason, the log has one confirmation', async () => {
    const { ref, callId } = await aWaitingCall();
    const settle = createSettle({ store: fixture.store });
    const byHttp = (result: 'allow' | 'deny') =>
      fixture.store
        .locked(ref, (session) => acceptInputs(session, [{ id: newId('event'), event: { type: 'user.tool_confirmation', tool_use_id: callId, result } }]))
        .then(
          () => 'won',
          (error: { code?: string }) => error.code,
        );
    const bySignal = async (result: 'allow' | 'deny', by: string) => {
      const settled = await settle({ ...ref, epoch: 0, decisions: [{ toolUseId: callId, result, by }], expireBy: null });
      if (settled.kind !== 'settled') throw new Error(`settle answered ${settled.kind}`);
      return settled.rejected[0]?.reason ?? 'won';
    };
    const verdicts = await Promise.all(
      Array.from({ length: 10 }, (_, index) => [
        byHttp(index % 2 === 0 ? 'allow' : 'deny'),
        bySignal(index % 2 === 0 ? 'deny' : 'allow', `operator-${index}`),
      ]).flat(),
    );
    expect(verdicts.filter((verdict) => verdict === 'won')).toHaveLength(1);
    const refusals = new Set(verdicts.filter((verdict) => verdict !== 'won'));
    expect([...refusals].every((verdict) => verdict === 'tool_call.already_answered' || verdict === 'it was decided or ended before')).toBe(true);

    await settle({ ...ref, epoch: 0, decisions: [], expireBy: null });
    const log = await fixture.store.locked(ref, (session) => session.readEvents());
    const call = await callOf(ref, callId);
    expect(log.filter(({ type }) => type === 'user.tool_confirmation').map(({ body }) => body['result'])).toEqual([call?.decision]);
    expect(log.filter(({ type }) => type === 'agent.tool_result')).toHaveLength(call?.decision === 'deny' ? 1 : 0);
  });

  it('lose against the time limit once it has denied, and win against it when they came first', async () => {
    const settle = createSettle({ store: fixture.store });
    const late = await aWaitingCall(new Date(Date.now() - 1_000));
    await settle({ ...late.ref, epoch: 0, decisions: [], expireBy: Date.now() });
    expect(await callOf(late.ref, late.callId)).toMatchObject({ decision: 'deny', decidedBy: 'timeout' });
    expect(await fixture.store.locked(late.ref, (session) => session.decide(late.callId, { result: 'allow', by: 'api', denyMessage: null }))).toBe(false);

    const early = await aWaitingCall(new Date(Date.now() - 1_000));
    await fixture.store.locked(early.ref, (session) => session.decide(early.callId, { result: 'allow', by: 'api', denyMessage: null }));
    await settle({ ...early.ref, epoch: 0, decisions: [], expireBy: Date.now() });
    expect(await callOf(early.ref, early.callId)).toMatchObject({ decision: 'allow', decidedBy: 'api', finishedAt: null });
  });
});
