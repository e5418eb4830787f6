import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { answerQuestion, expireQuestion, heldUntil, holdForQuestion } from '../../infra/postgres/network-questions.repo.js';
import { type Transaction, transaction } from '../../infra/postgres/transaction.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture.stop());

const within = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => transaction(fixture.pool, fixture.workspaceId, work);
const isHeld = async ({ sessionId }: SessionRef): Promise<boolean> => (await within((tx) => heldUntil(tx, sessionId))) !== undefined;

/** A call of the sandbox, begun. */
async function aCall(ref: SessionRef): Promise<string> {
  const id = newId('event');
  await fixture.store.locked(ref, async (session) => {
    await session.append([{ id, type: 'agent.tool_use', body: { name: 'bash', input: {} } }]);
    const call = { id, step: 1, ordinal: 0, name: 'bash', mcpServerName: null, permission: 'allow', decideBy: null, finished: false } as const;
    await session.addToolCalls([{ ...call, kind: 'sandbox' }]);
  });
  await anAttempt(ref, id);
  return id;
}
const anAttempt = (ref: SessionRef, key: string, attempt = 1) =>
  fixture.store.locked(ref, (session) => session.startAttempt({ turn: 1, step: 1, kind: 'tool_call', name: 'bash', key, attempt }));
const end = (ref: SessionRef, id: string) => fixture.store.locked(ref, (session) => session.finishToolCall(id));

/** A question that a program waits for; without time it is over when it is asked. */
async function asks(ref: SessionRef, host: string, timeoutMs = 60_000): Promise<string> {
  const question = await fixture.store.locked(ref, (session) => session.askNetworkQuestion({ host, port: 443, method: 'GET', timeoutMs }));
  const id = question?.id ?? '';
  await within((tx) => holdForQuestion(tx, ref.sessionId, id, true));
  return id;
}

it('a question that a program waits for holds the call, until it is answered', async () => {
  const ref = await aSession(fixture);
  await aCall(ref);
  expect(await isHeld(ref)).toBe(false);
  const id = await asks(ref, 'a.example');
  expect(await isHeld(ref)).toBe(true);
  await within((tx) => answerQuestion(tx, ref.sessionId, id, { result: 'deny', scope: 'once' }));
  expect(await isHeld(ref)).toBe(false);
  await asks(ref, 'b.example');
  expect(await isHeld(ref)).toBe(true);
});

it.each(['closed', 'seen by nobody'])('once one has gone unanswered (%s), the others hold that call no longer, whoever takes it over', async (how) => {
  const ref = await aSession(fixture);
  const call = await aCall(ref);
  await asks(ref, 'a.example');
  const late = await asks(ref, 'b.example', 0);
  if (how === 'closed') await within((tx) => expireQuestion(tx, ref.sessionId, late));
  expect(await isHeld(ref)).toBe(false);
  await asks(ref, 'c.example');
  await anAttempt(ref, call, 2);
  expect(await isHeld(ref)).toBe(false);
});

it('calls that begin while that call runs are not held either, those that begin after it are', async () => {
  const ref = await aSession(fixture);
  const first = await aCall(ref);
  await asks(ref, 'a.example', 0);
  await asks(ref, 'b.example');
  const second = await aCall(ref);
  expect(await isHeld(ref)).toBe(false);
  await end(ref, first);
  expect(await isHeld(ref)).toBe(true);
  await end(ref, second);
});

it('it is looked at again when the first open question is over, whichever program waits for which', async () => {
  const ref = await aSession(fixture);
  await aCall(ref);
  await asks(ref, 'long.example', 600_000);
  await fixture.store.locked(ref, (session) => session.askNetworkQuestion({ host: 'soon.example', port: 443, method: 'GET', timeoutMs: 30_000 }));
  const until = await within((tx) => heldUntil(tx, ref.sessionId));
  expect(until?.getTime()).toBeLessThan(Date.now() + 60_000);
});

it('questions of another session do not matter', async () => {
  const [ref, other] = [await aSession(fixture), await aSession(fixture)];
  await aCall(ref);
  await aCall(other);
  await asks(other, 'a.example', 0);
  await asks(ref, 'a.example');
  expect(await isHeld(ref)).toBe(true);
  expect(await isHeld(other)).toBe(false);
});
