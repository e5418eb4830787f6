import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActivityRun } from '../../activities/boundary.js';
import { acceptInputs } from '../../activities/session/accept-inputs.js';
import { killSession } from '../../activities/session/kill-session.js';
import type { LockedSession } from '../../activities/session/store.port.js';
import { newId } from '../../infra/ids.js';
import type { CallModelResult, SessionRef } from '../../workflows/contract/activities.js';
import { encodeFence } from '../../workflows/contract/fence.js';
import { waitFor } from '../support/wait-for.js';
import { createHold, type Stage, setStage, type Worker } from './activities.fixture.js';
import { aSession, send, userMessage } from './session.fixture.js';

const COMMAND = 'echo effect >> effects.txt; while [ ! -e go ]; do sleep 0.05; done; echo finished';

let stage: Stage;
let worker: Worker;

beforeAll(async () => {
  stage = await setStage({
    hello: { replies: [{ text: 'hello' }] },
    'two-steps': { replies: [{ tool_calls: [{ name: 'no_such_tool', input: {} }] }, { text: 'second' }] },
    overloaded: { replies: [{ error: { status: 529, type: 'overloaded_error', message: 'try later' } }] },
    command: { replies: [{ tool_calls: [{ name: 'bash', input: { command: COMMAND } }] }, { text: 'done: {{last_result}}' }] },
  });
  worker = stage.aWorker();
});
afterAll(() => stage.stop());

const run = (attempt = 1): ActivityRun => ({ signal: new AbortController().signal, attempt });

async function aSessionWith(model: string): Promise<SessionRef> {
  const ref = await aSession(stage, { model: `rehearsal/${model}` });
  await send(stage, ref, userMessage('go'));
  return ref;
}

function replied(result: CallModelResult): Extract<CallModelResult, { kind: 'replied' }> {
  if (result.kind !== 'replied') throw new Error(`callModel answered ${result.kind}`);
  return result;
}

const interrupt = async (session: LockedSession): Promise<void> => {
  await acceptInputs(session, [{ id: newId('event'), event: { type: 'user.interrupt' } }]);
};

const overtakers: readonly (readonly [string, (session: LockedSession) => Promise<void>])[] = [
  ['an interrupt', interrupt],
  ['a kill', killSession],
];

describe('a model answer that comes too late', () => {
  it.each([
    ['first step of a run, which opens an epoch', 'hello', 0],
    ['later step of an epoch', 'two-steps', 1],
  ] as const)('is not written when a newer attempt has asked again (%s)', async (_, model, stepsBefore) => {
    const ref = await aSessionWith(model);
    let at: { epoch: number | null; step: number } = { epoch: null, step: 1 };
    if (stepsBefore > 0) {
      const first = replied(await worker.callModel({ ...ref, ...at }, run()));
      at = { epoch: first.epoch, step: first.step + 1 };
    }
    const hold = createHold();
    const old = stage.aWorker(hold).callModel({ ...ref, ...at }, run(1));
    await hold.reached;
    replied(await worker.callModel({ ...ref, ...at }, run(2)));
    const before = await stage.written(ref);
    hold.release();
    expect(await old).toEqual({ kind: 'superseded' });
    expect(await stage.written(ref)).toEqual(before);
    expect((await stage.attempts(ref)).slice(-2)).toMatchObject([{ outcome: 'lost' }, { outcome: 'ok', retried_because: 'the attempt before was lost' }]);
  });

  it('was written first: the newer attempt finds it and returns the same', async () => {
    const ref = await aSessionWith('two-steps');
    const first = replied(await worker.callModel({ ...ref, epoch: null, step: 1 }, run()));
    const at = { ...ref, epoch: first.epoch, step: first.step + 1 };
    const answer = await worker.callModel(at, run(1));
    const before = await stage.written(ref);
    expect(await worker.callModel(at, run(2))).toEqual(answer);
    expect(await stage.written(ref)).toEqual(before);
  });

  it.each(overtakers)('is not written when %s got the lock before it', async (_, overtake) => {
    const ref = await aSessionWith('hello');
    const hold = createHold();
    const old = stage.aWorker(hold).callModel({ ...ref, epoch: null, step: 1 }, run());
    await hold.reached;
    await stage.store.locked(ref, async (session) => {
      hold.release();
      await stage.somebodyWaits();
      await overtake(session);
    });
    expect(await old).toEqual({ kind: 'superseded' });
    const { events } = await stage.written(ref);
    expect(events.map(({ type }) => type)).not.toContain('agent.message');
    expect(await stage.attempts(ref)).toMatchObject([{ kind: 'model_call', outcome: 'superseded' }]);
  });

  it.each(overtakers)('does not announce a retry when it failed after %s', async (_, overtake) => {
    const ref = await aSessionWith('overloaded');
    const hold = createHold();
    const old = stage.aWorker(hold).callModel({ ...ref, epoch: null, step: 1 }, run());
    await hold.reached;
    await stage.store.locked(ref, overtake);
    const before = await stage.written(ref);
    hold.release();
    expect(await old).toEqual({ kind: 'superseded' });
    expect(await stage.written(ref)).toEqual(before);
  });
});

it('streamed text of an overtaken step is dropped, while text of the current one is kept', async () => {
  const ref = await aSession(stage);
  const publish = (text: string, fence: number) =>
    stage.store.publishDeltas(ref, [{ eventId: 'sevt_streamed', eventType: 'agent.message', attempt: 1, block: 0, text }], fence);
  await publish('current', encodeFence({ epoch: 0, step: 0 }));
  await stage.store.locked(ref, interrupt);
  await publish('late', encodeFence({ epoch: 0, step: 0 }));
  const { rows } = await stage.owner.query('select text from deltas where session_id = $1', [ref.sessionId]);
  expect(rows).toEqual([{ text: 'current' }]);
});

/** A step whose one command has left its line and waits for the file `go`. */
async function aRunningCommand() {
  const ref = await aSessionWith('command');
  const step = replied(await worker.callModel({ ...ref, epoch: null, step: 1 }, run()));
  const input = { ...ref, epoch: step.epoch, step: step.step, callId: step.calls[0]?.id ?? '' };
  const old = worker.runTool(input, run(1));
  await waitFor('the command to run', () => stage.workspaceFile(ref, 'effects.txt').exists());
  return { ref, input, old };
}

const resultsOf = ({ events }: Awaited<ReturnType<Stage['written']>>) => events.filter(({ type }) => type === 'agent.tool_result');

describe('a tool result that comes too late', () => {
  it('is written by the newer attempt only; the command ran once', async () => {
    const { ref, input, old } = await aRunningCommand();
    const next = stage.aWorker().runTool(input, run(2));
    await waitFor('the newer attempt to claim the call', async () =>
      (await stage.written(ref)).effects.find(({ key, attempt }) => key === input.callId && attempt === 2),
    );
    stage.workspaceFile(ref, 'go').make();
    expect(await next).toEqual({ kind: 'done', outcome: 'completed', isError: false });
    expect(await old).toEqual({ kind: 'superseded' });
    expect(resultsOf(await stage.written(ref))).toMatchObject([
      { body: { tool_use_id: input.callId, content: [{ text: expect.stringContaining('finished') }] } },
    ]);
    expect(stage.workspaceFile(ref, 'effects.txt').lines()).toEqual(['effect']);
  });

  it.each(overtakers)('is not written when %s got the lock before it; the call gets one other result', async (_, overtake) => {
    const { ref, input, old } = await aRunningCommand();
    await stage.store.locked(ref, async (session) => {
      stage.workspaceFile(ref, 'go').make();
      await stage.somebodyWaits();
      await overtake(session);
    });
    expect(await old).toEqual({ kind: 'superseded' });
    await worker.seal({ ...ref, cause: null, epoch: input.epoch });
    expect(resultsOf(await stage.written(ref))).toMatchObject([
      { body: { content: [{ text: expect.stringContaining('stopped while it ran') }], is_error: true } },
    ]);

    const sealed = await stage.written(ref);
    expect(await worker.runTool(input, run(2))).toMatchObject({ kind: 'done', outcome: 'interrupted' });
    expect(await stage.written(ref)).toEqual(sealed);
    expect(stage.workspaceFile(ref, 'effects.txt').lines()).toEqual(['effect']);
  });

  it('is refused to a step that is no longer the current one', async () => {
    const ref = await aSessionWith('command');
    const step = replied(await worker.callModel({ ...ref, epoch: null, step: 1 }, run()));
    await worker.seal({ ...ref, cause: null, epoch: null });
    const before = await stage.written(ref);
    const late = { ...ref, epoch: step.epoch, step: step.step, callId: step.calls[0]?.id ?? '' };
    expect(await worker.runTool(late, run())).toEqual({ kind: 'superseded' });
    expect(await stage.written(ref)).toEqual(before);
    expect(stage.workspaceFile(ref, 'effects.txt').exists()).toBe(false);
  });
});

describe('an effect', () => {
  it('is sealed once, however many workers run the call at the same time', async () => {
    const ref = await aSessionWith('command');
    const step = replied(await worker.callModel({ ...ref, epoch: null, step: 1 }, run()));
    const input = { ...ref, epoch: step.epoch, step: step.step, callId: step.calls[0]?.id ?? '' };
    const runs = Array.from({ length: 5 }, (_, index) => stage.aWorker().runTool(input, run(index + 1)));
    await waitFor('the command to run', () => stage.workspaceFile(ref, 'effects.txt').exists());
    await waitFor('every attempt to claim the call', async () => (await stage.attempts(ref)).filter(({ kind }) => kind === 'tool_call').length === 5);
    stage.workspaceFile(ref, 'go').make();
    const kinds = (await Promise.all(runs)).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['done', ...Array.from({ length: 4 }, () => 'superseded')]);
    expect(resultsOf(await stage.written(ref))).toHaveLength(1);
    expect(stage.workspaceFile(ref, 'effects.txt').lines()).toEqual(['effect']);
  });

  it('keeps the first of twenty results that are sealed at once', async () => {
    const ref = await aSession(stage);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, result) =>
        stage.store.locked(ref, async (session) => {
          order.push(result);
          await session.sealEffect('an-effect', { result });
        }),
      ),
    );
    expect((await stage.written(ref)).effects).toMatchObject([{ key: 'an-effect', result: { result: order[0] } }]);
  });

  it('is not claimed by an attempt that is not newer, nor once it is sealed', async () => {
    const ref = await aSession(stage);
    const claim = (attempt: number) => stage.store.locked(ref, (session) => session.claimEffect({ key: 'an-effect', attempt }));
    expect([await claim(2), await claim(2), await claim(1), await claim(3)]).toEqual([true, false, false, true]);
    await stage.store.locked(ref, (session) => session.sealEffect('an-effect', {}));
    expect(await claim(4)).toBe(false);
  });
});

describe('the end of a turn', () => {
  it('that belongs to an epoch before an interrupt ends nothing of the turn that came after', async () => {
    const ref = await aSessionWith('command');
    const step = replied(await worker.callModel({ ...ref, epoch: null, step: 1 }, run()));
    await worker.seal({ ...ref, cause: null, epoch: step.epoch });
    const standing = await worker.seal({ ...ref, cause: 'max_seconds', epoch: step.epoch });
    expect(standing).toMatchObject({ kind: 'standing', calls: [{ id: step.calls[0]?.id }] });
    expect(resultsOf(await stage.written(ref))).toEqual([]);
  });
});
