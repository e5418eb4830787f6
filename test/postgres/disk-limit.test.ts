import { afterAll, beforeAll, expect, it } from 'vitest';
import { createJanitor } from '../../apps/worker/janitor.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { waitFor } from '../support/wait-for.js';
import { type Stage, setStage, type Worker } from './activities.fixture.js';
import { aSession, send, userMessage } from './session.fixture.js';

/** Writes files without end, out of reach of whoever ends the shell and what carries its mark. */
const UNHEEDING = `(env -i PATH=$PATH setsid bash -c 'i=0; while :; do i=$((i+1)); dd if=/dev/zero of=/workspace/f$i bs=1M count=2; sleep 0.01; done' >/dev/null 2>&1 &)`;

let stage: Stage;
let worker: Worker;

beforeAll(async () => {
  const asks = (command: string) => ({
    replies: [
      {
        tool_calls: [
          { name: 'bash', input: { command } },
          { name: 'bash', input: { command: 'echo next' } },
        ],
      },
      { text: 'done' },
    ],
  });
  stage = await setStage({
    obedient: asks('for i in $(seq 1 400); do dd if=/dev/zero of=/workspace/f$i bs=1M count=4 2>/dev/null; done; echo never'),
    unheeding: asks(`${UNHEEDING}; sleep 50`),
  });
  worker = stage.aWorker();
});
afterAll(() => stage.stop());

const run = () => ({ signal: new AbortController().signal, attempt: 1 });

async function openCalls(model: string) {
  const ref = await aSession(stage, { model: `rehearsal/${model}` });
  await send(stage, ref, userMessage('go'));
  const step = await worker.callModel({ ...ref, epoch: null, step: 1 }, run());
  if (step.kind !== 'replied') throw new Error(`callModel answered ${step.kind}`);
  return step.calls.map(({ id }) => ({ ...ref, epoch: step.epoch, step: step.step, callId: id }));
}

async function resultsOf(ref: SessionRef): Promise<string[]> {
  const { events } = await stage.written(ref);
  return events.filter(({ type }) => type === 'agent.tool_result').map(({ body }) => JSON.stringify(body));
}

const nameOf = (ref: SessionRef) => stage.store.locked(ref, async (session) => (await session.findSandbox())?.name ?? '');

it('a command that fills the disk is ended with a result that says so, and the sandbox lives on', async () => {
  const [filling, next] = await openCalls('obedient');
  if (!filling || !next) throw new Error('two calls were asked for');
  await worker.runTool(filling, run());
  const name = await nameOf(filling);
  await worker.runTool(next, run());
  const [told, after] = await resultsOf(filling);
  expect(told).toMatch(/Disk limit reached: .*the limit is 256 MiB/);
  expect(told).not.toContain('never');
  expect(after).toContain('next');
  expect([await nameOf(filling), await stage.engine.isRunning(name)]).toEqual([name, true]);
});

it('a program that goes on filling it ends its sandbox, and the first result from the next one says why', async () => {
  const [filling, next] = await openCalls('unheeding');
  if (!filling || !next) throw new Error('two calls were asked for');
  const running = worker.runTool(filling, run());
  await waitFor('the sandbox to be made', async () => (await nameOf(filling)) !== '');
  const name = await nameOf(filling);
  await waitFor('the writer to write', () => stage.workspaceFile(filling, 'f1').exists());
  await running;
  await waitFor('the sandbox to be ended', async () => !(await stage.engine.isRunning(name)), 30_000);
  await worker.runTool(next, run());
  const [first, second] = await resultsOf(filling);
  expect(first).toMatch(/Disk limit reached/);
  expect(second).toMatch(/new sandbox.*Disk limit reached: .*next/s);
});

it('a program that a killed worker has left behind is held back by the next worker', async () => {
  const [filling] = await openCalls('unheeding');
  if (!filling) throw new Error('a call was asked for');
  const first = stage.aWorker();
  await first.sandboxes
    .acquire(filling)
    .then(({ client }) => client.call({ callId: 'planted', name: 'bash', input: { command: `(sleep 3; ${UNHEEDING}) >/dev/null 2>&1 &` }, timeoutMs: 20_000 }));
  const name = await nameOf(filling);
  await first.sandboxes.close();
  const second = stage.aWorker();
  const clean = createJanitor({
    pool: stage.pool,
    host: { id: 'test' },
    provider: async () => stage.engine,
    sandboxes: second.sandboxes,
    sandboxPool: { names: async () => [], sweep: async () => undefined },
    log: stage.log,
  });
  await clean();
  await waitFor('the sandbox to be ended', async () => !(await stage.engine.isRunning(name)), 30_000);
});
