import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActivityRun } from '../../activities/boundary.js';
import { lockSession } from '../../infra/postgres/session-store.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { CallModelResult, SessionRef } from '../../workflows/contract/activities.js';
import { type Stage, setStage, type Worker } from './activities.fixture.js';
import { aSession, send, userMessage } from './session.fixture.js';

/** What Postgres takes in no column: NUL, and halves of surrogate pairs. */
const EVIL = 'a\0b\ud800c\udc00d';
const STORED = 'a\ufffdb\ufffdc\ufffdd';

let stage: Stage;
let worker: Worker;

beforeAll(async () => {
  stage = await setStage({
    text: { replies: [{ thinking: EVIL, text: `text ${EVIL}` }] },
    'tool-name': { replies: [{ tool_calls: [{ name: `tool ${EVIL}`, input: { [EVIL]: EVIL } }] }, { text: 'done' }] },
    output: { replies: [{ tool_calls: [{ name: 'bash', input: { command: "printf 'a\\0b \\355\\240\\200 c\\n'" } }] }, { text: 'done' }] },
    client: { replies: [{ tool_calls: [{ name: 'ask_client', input: { question: EVIL } }] }, { text: 'done' }] },
    asking: { replies: [{ tool_calls: [{ name: 'bash', input: { command: EVIL } }] }, { text: 'done' }] },
    refused: { replies: [{ error: { status: 400, type: 'invalid_request_error', message: `refused ${EVIL}` } }] },
    overloaded: { replies: [{ error: { status: 529, type: 'overloaded_error', message: `overloaded ${EVIL}` } }] },
    'bad-input': { replies: [{ tool_calls: [{ name: 'bash', input: `{"command": "${EVIL}` }] }, { text: 'done' }] },
  });
  worker = stage.aWorker();
});
afterAll(() => stage.stop());

const run = (): ActivityRun => ({ signal: new AbortController().signal, attempt: 1 });

async function firstStep(model: string, policy: 'always_allow' | 'always_ask' = 'always_allow', text = 'go') {
  const ref = await aSession(stage, { model: `rehearsal/${model}`, policy });
  await send(stage, ref, userMessage(text));
  const result = await worker.callModel({ ...ref, epoch: null, step: 1 }, run());
  return { ref, result };
}

function replied(result: CallModelResult): Extract<CallModelResult, { kind: 'replied' }> {
  if (result.kind !== 'replied') throw new Error(`callModel answered ${result.kind}`);
  return result;
}

/** The next step asks the model with everything that is in the log: what was stored can be sent again. */
async function expectToGoOn(ref: SessionRef, step: { readonly epoch: number; readonly step: number }): Promise<void> {
  expect(await worker.callModel({ ...ref, epoch: step.epoch, step: step.step + 1 }, run())).toMatchObject({ kind: 'replied', calls: [] });
}

const eventsOf = async (ref: SessionRef, type: string): Promise<unknown[]> => (await stage.written(ref)).events.filter((event) => event['type'] === type);

it('in a message of the user', async () => {
  const { ref, result } = await firstStep('text', 'always_allow', EVIL);
  replied(result);
  expect(await eventsOf(ref, 'user.message')).toMatchObject([{ body: { content: [{ text: STORED }] } }]);
});

it("in the model's text and thinking", async () => {
  const { ref, result } = await firstStep('text');
  replied(result);
  expect(await eventsOf(ref, 'agent.message')).toMatchObject([{ body: { content: [{ text: `text ${STORED}` }] } }]);
  expect(await eventsOf(ref, 'agent.thinking')).toMatchObject([{ provider: { thinking: STORED } }]);
  expect((await stage.written(ref)).invocations).toMatchObject([{ status: 'completed', output: [{ text: `text ${STORED}` }] }]);
});

it('in streamed pieces of text', async () => {
  const ref = await aSession(stage);
  await stage.store.publishDeltas(ref, [{ eventId: 'sevt_streamed', eventType: 'agent.message', attempt: 1, block: 0, text: EVIL }], 0);
  const { rows } = await stage.owner.query('select text from deltas where session_id = $1', [ref.sessionId]);
  expect(rows).toEqual([{ text: STORED }]);
});

it('in the name and the input of a call', async () => {
  const { ref, result } = await firstStep('tool-name');
  expect(await eventsOf(ref, 'agent.tool_use')).toMatchObject([{ body: { name: `tool ${STORED}`, input: { [STORED]: STORED } } }]);
  expect((await stage.written(ref)).calls).toMatchObject([{ name: `tool ${STORED}` }]);
  await expectToGoOn(ref, replied(result));
});

it('in the input of a call that is no JSON', async () => {
  const { ref, result } = await firstStep('bad-input');
  expect(await eventsOf(ref, 'agent.tool_result')).toMatchObject([{ body: { is_error: true } }]);
  await expectToGoOn(ref, replied(result));
});

it('in the output of a command', async () => {
  const { ref, result } = await firstStep('output');
  const step = replied(result);
  expect(await worker.runTool({ ...ref, epoch: step.epoch, step: step.step, callId: step.calls[0]?.id ?? '' }, run())).toMatchObject({
    kind: 'done',
    isError: false,
  });
  expect(await eventsOf(ref, 'agent.tool_result')).toMatchObject([{ body: { content: [{ text: expect.stringMatching(/a.b .+ c/) }] } }]);
  await expectToGoOn(ref, step);
});

it("in a client's result", async () => {
  const { ref, result } = await firstStep('client');
  const step = replied(result);
  await send(stage, ref, { type: 'user.custom_tool_result', custom_tool_use_id: step.calls[0]?.id ?? '', content: [{ type: 'text', text: EVIL }] });
  expect(await worker.settle({ ...ref, epoch: step.epoch, decisions: [], expireBy: null })).toMatchObject({ kind: 'settled', calls: [], modelDue: true });
  expect(await eventsOf(ref, 'user.custom_tool_result')).toMatchObject([{ body: { content: [{ text: STORED }] } }]);
  await expectToGoOn(ref, step);
});

it('in the reason of a denial', async () => {
  const { ref, result } = await firstStep('asking', 'always_ask');
  const step = replied(result);
  await send(stage, ref, { type: 'user.tool_confirmation', tool_use_id: step.calls[0]?.id ?? '', result: 'deny', deny_message: EVIL });
  await worker.settle({ ...ref, epoch: step.epoch, decisions: [], expireBy: null });
  expect(await eventsOf(ref, 'agent.tool_result')).toMatchObject([{ body: { content: [{ text: STORED }], is_error: true } }]);
  await expectToGoOn(ref, step);
});

it('in everything an operator sends by signal', async () => {
  const { ref, result } = await firstStep('asking', 'always_ask');
  const step = replied(result);
  const toolUseId = step.calls[0]?.id ?? '';
  const decisions = [
    { toolUseId: EVIL, result: 'deny' as const, problem: `no id: ${EVIL}` },
    { toolUseId, result: 'deny' as const, denyMessage: EVIL, by: EVIL },
  ];
  const settled = await worker.settle({ ...ref, epoch: step.epoch, decisions, expireBy: null });
  expect(settled).toMatchObject({ kind: 'settled', calls: [], rejected: [{ toolUseId: EVIL }] });
  const approvals = (await stage.attempts(ref)).filter(({ kind }) => kind === 'approval');
  expect(approvals).toMatchObject([{ outcome: 'rejected' }, { outcome: 'ok', detail: { by: `temporal-operator (unverified: ${STORED})` } }]);
  await expectToGoOn(ref, step);
});

it("in a provider's error, final or to be tried again", async () => {
  const refused = await firstStep('refused');
  expect(refused.result).toEqual({ kind: 'failed', cause: 'model_request_failed' });
  await worker.seal({ ...refused.ref, cause: 'model_request_failed', epoch: 1 });
  expect(await eventsOf(refused.ref, 'session.error')).toMatchObject([{ body: { error: { message: expect.stringContaining(`refused ${STORED}`) } } }]);

  const ref = await aSession(stage, { model: 'rehearsal/overloaded' });
  await send(stage, ref, userMessage('go'));
  await expect(worker.callModel({ ...ref, epoch: null, step: 1 }, run())).rejects.toMatchObject({ code: 'model.overloaded' });
  expect(await stage.attempts(ref)).toMatchObject([{ outcome: 'error', error_message: expect.stringContaining(`overloaded ${STORED}`) }]);
});

it('in a row of the trace', async () => {
  const ref = await aSession(stage);
  await transaction(stage.pool, ref.workspaceId, async (tx) => {
    const session = await lockSession(tx, ref.sessionId);
    const attempt = await session.startAttempt({ turn: 1, step: 1, kind: 'tool_call', name: EVIL, key: EVIL, attempt: 1 });
    await session.endAttempt(attempt, { outcome: 'error', errorMessage: EVIL, detail: { [EVIL]: EVIL } });
  });
  expect(await stage.attempts(ref)).toMatchObject([{ name: STORED, key: STORED, error_message: STORED, detail: { [STORED]: STORED } }]);
});
