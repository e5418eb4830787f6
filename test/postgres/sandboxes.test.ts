import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killSession } from '../../activities/session/kill-session.js';
import { createJanitor } from '../../apps/worker/janitor.js';
import type { RunToolInput, SessionRef } from '../../workflows/contract/activities.js';
import { waitFor } from '../support/wait-for.js';
import { type Stage, setStage, type Worker } from './activities.fixture.js';
import { aSession, send, userMessage } from './session.fixture.js';

const NO_POOL = { names: async () => [], sweep: async () => undefined };

let stage: Stage;
let worker: Worker;

beforeAll(async () => {
  const command = 'echo effect >> effects.txt; while [ ! -e go ]; do sleep 0.05; done; echo finished';
  stage = await setStage({ command: { replies: [{ tool_calls: [{ name: 'bash', input: { command } }] }, { text: 'done' }] } });
  worker = stage.aWorker();
});
afterAll(() => stage.stop());

const run = () => ({ signal: new AbortController().signal, attempt: 1 });

/** A session whose model has asked for one command. */
async function anOpenCall(): Promise<RunToolInput> {
  const ref = await aSession(stage, { model: 'rehearsal/command' });
  await send(stage, ref, userMessage('go'));
  const step = await worker.callModel({ ...ref, epoch: null, step: 1 }, run());
  if (step.kind !== 'replied') throw new Error(`callModel answered ${step.kind}`);
  return { ...ref, epoch: step.epoch, step: step.step, callId: step.calls[0]?.id ?? '' };
}

const rowOf = (ref: SessionRef) => stage.store.locked(ref, (session) => session.findSandbox());

async function nameOf(ref: SessionRef): Promise<string> {
  const row = await rowOf(ref);
  if (!row) throw new Error(`Session ${ref.sessionId} has no sandbox.`);
  return row.name;
}

const terminated = (ref: SessionRef) => stage.store.locked(ref, killSession);

describe('a sandbox that is given back', () => {
  it('by an epoch that is over stays, and so it does when a session that goes on is said to have ended', async () => {
    const call = await anOpenCall();
    await worker.sandboxes.acquire(call);
    await worker.seal({ ...call, cause: 'interrupted' });
    await worker.sandboxes.release(call);
    await worker.sandboxes.release({ ...call, epoch: null });
    expect(await rowOf(call)).toMatchObject({ generation: 1, state: 'ready' });
    expect(await stage.engine.isRunning(await nameOf(call))).toBe(true);
    await worker.sandboxes.release({ ...call, epoch: call.epoch + 1 });
    expect(await rowOf(call)).toMatchObject({ generation: 1, state: 'released' });
    expect(await stage.engine.isRunning(await nameOf(call))).toBe(false);
  });

  it('while a call runs in it stays', async () => {
    const call = await anOpenCall();
    const running = worker.runTool(call, run());
    await waitFor('the command to run', () => stage.workspaceFile(call, 'effects.txt').exists());
    await stage.aWorker().sandboxes.release(call);
    stage.workspaceFile(call, 'go').make();
    expect(await running).toMatchObject({ kind: 'done', outcome: 'completed' });
  });

  it('is destroyed by a later attempt when the first one got no further than the row', async () => {
    const call = await anOpenCall();
    await worker.sandboxes.acquire(call);
    await stage.store.locked(call, async (session) => {
      const row = await session.findSandbox();
      if (row) await session.saveSandbox({ ...row, state: 'released' });
    });
    await worker.sandboxes.release(call);
    expect(await stage.engine.list()).not.toContain(await nameOf(call));
  });

  it('only in the row is destroyed by the janitor within two rounds', async () => {
    const call = await anOpenCall();
    await worker.sandboxes.acquire(call);
    await terminated(call);
    await stage.owner.query(`update sandboxes set state = 'released' where session_id = $1`, [call.sessionId]);
    const clean = createJanitor({
      graceMs: 0,
      pool: stage.pool,
      host: { id: 'test' },
      provider: async () => stage.engine,
      sandboxes: worker.sandboxes,
      sandboxPool: NO_POOL,
      log: stage.log,
    });
    await clean();
    await clean();
    expect(await stage.engine.list()).not.toContain(await nameOf(call));
  });
});

describe('a sandbox that ends', () => {
  it('while it is idle loses no call: the next one runs in another sandbox', async () => {
    const call = await anOpenCall();
    const { client } = await worker.sandboxes.acquire(call);
    await stage.engine.destroy(await nameOf(call));
    await client.closed;
    stage.workspaceFile(call, 'go').make();
    expect(await worker.runTool(call, run())).toMatchObject({ kind: 'done', outcome: 'completed' });
    expect(await rowOf(call)).toMatchObject({ generation: 2, state: 'ready' });
  });

  it('while the claim of a call waits loses no call either', async () => {
    const call = await anOpenCall();
    const { client } = await worker.sandboxes.acquire(call);
    const name = await nameOf(call);
    stage.workspaceFile(call, 'go').make();
    const first = await stage.store.locked(call, async () => {
      const running = worker.runTool(call, run());
      running.catch(() => undefined);
      await stage.somebodyWaits();
      await stage.engine.destroy(name);
      await client.closed;
      return { running };
    });
    await expect(first.running).rejects.toMatchObject({ code: 'sandbox.failed' });
    expect(await worker.runTool(call, run())).toMatchObject({ kind: 'done', outcome: 'completed' });
  });

  it('before it was ready is replaced', async () => {
    const call = await anOpenCall();
    const { client } = await worker.sandboxes.acquire(call);
    await stage.owner.query(`update sandboxes set state = 'starting' where session_id = $1`, [call.sessionId]);
    const ended = client.call({ callId: 'the_end', name: 'bash', input: { command: 'kill -TERM 1; sleep 60' }, timeoutMs: 60_000 });
    await expect(ended).rejects.toMatchObject({ code: 'sandbox.failed' });
    expect(await worker.sandboxes.acquire(call)).toMatchObject({ generation: 2 });
    expect(await rowOf(call)).toMatchObject({ generation: 2, state: 'ready' });
  });
});
