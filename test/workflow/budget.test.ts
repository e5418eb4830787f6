import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';
import { expectWholeLog, readLog } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

let platform: Platform;

/** A dollar for each request: a million input tokens at one dollar a million. */
const usage = { input_tokens: 1_000_000, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
const step = { tool_calls: [{ name: 'read', input: { file_path: '/etc/hostname' } }], usage };

beforeAll(async () => {
  platform = await startPlatform({
    environment: { RONDO_MODEL_PRICES: '{"rehearsal/dear":{"input":1,"output":1},"rehearsal/echo":{"input":1,"output":1}}' },
    scripts: { dear: { replies: [step, step, { text: 'Three dollars later.', usage }] } },
  });
});
afterAll(async () => {
  await platform?.stop();
});

const budget = (dollars: number) => ({ type: 'limit' as const, max_list_cost: { amount: String(dollars * 100), currency: 'USD' as const } });

async function start(dollars: number) {
  const { sdk } = platform;
  const agent = await sdk.beta.agents.create({ name: 'Dear', model: 'rehearsal/dear', tools: [{ type: 'agent_toolset_20260401' }] });
  const environment = await sdk.beta.environments.create({ name: `for ${agent.id}` });
  const message = { type: 'user.message' as const, content: [{ type: 'text' as const, text: 'go' }] };
  return sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id, budget: budget(dollars), initial_events: [message] });
}

const idleWith = (sessionId: string, reason: string) =>
  waitFor(`session ${sessionId} to be idle with ${reason}`, async () => {
    const log = await readLog(platform, sessionId);
    const last = log.at(-1);
    return last?.type === 'session.status_idle' && last.body.stop_reason.type === reason ? log : undefined;
  });

describe('a session with a budget', () => {
  it('is held between two model requests once it has cost that much, and says so in the order of the wire', async () => {
    const session = await start(2);
    const log = await idleWith(session.id, 'budget_reached');
    expect(log.slice(-3).map(({ type }) => type)).toEqual(['session.thread_status_idle', 'session.usage', 'session.status_idle']);
    expect(log.at(-2)?.body).toMatchObject({ budget: budget(2), usage: { list_cost: { amount: '200', currency: 'USD' } } });
    expect(log.filter(({ type }) => type === 'span.model_request_end')).toHaveLength(2);
    expect(log.filter(({ type }) => type === 'agent.tool_result')).toHaveLength(2);
  });

  it('goes on by itself where it stopped when the budget is raised', async () => {
    const session = await start(1);
    await idleWith(session.id, 'budget_reached');
    const raised = await platform.sdk.beta.sessions.update(session.id, { budget: budget(50) });
    expect(raised.budget).toEqual(budget(50));
    const log = await idleWith(session.id, 'end_turn');
    expect(log.filter(({ type }) => type === 'user.message')).toHaveLength(1);
    expect(log.filter(({ type }) => type === 'span.model_request_end')).toHaveLength(3);
    expect(log.filter(({ type }) => type === 'session.usage')).toHaveLength(1);
    await expectWholeLog(platform, session.id);
  });

  it('goes on when the budget is removed, and is held only once however often it is woken', async () => {
    const session = await start(1);
    await idleWith(session.id, 'budget_reached');
    await platform.sdk.beta.sessions.update(session.id, { title: 'Still held' });
    await platform.sdk.beta.sessions.update(session.id, { budget: null });
    const log = await idleWith(session.id, 'end_turn');
    expect(log.filter(({ type, body }) => type === 'session.status_idle' && body.stop_reason.type === 'budget_reached')).toHaveLength(1);
  });

  it('can be interrupted while it is held, and then waits for a new message', async () => {
    const session = await start(1);
    await idleWith(session.id, 'budget_reached');
    await platform.sdk.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] });
    await waitFor('the interrupt in the log', async () => {
      const log = await readLog(platform, session.id);
      return log.some(({ type }) => type === 'user.interrupt') || undefined;
    });
    await platform.sdk.beta.sessions.update(session.id, { budget: null });
    await platform.sdk.beta.sessions.events.send(session.id, { events: [{ type: 'user.message', content: [{ type: 'text', text: 'again' }] }] });
    const log = await idleWith(session.id, 'end_turn');
    expect(log.filter(({ type }) => type === 'user.message')).toHaveLength(2);
  });
});

describe('a word of the operator', () => {
  it('reaches the model behind the message it accompanies', async () => {
    const { sdk } = platform;
    const agent = await sdk.beta.agents.create({ name: 'Echo', model: 'rehearsal/echo' });
    const environment = await sdk.beta.environments.create({ name: `for ${agent.id}` });
    const session = await sdk.beta.sessions.create({ agent: agent.id, environment_id: environment.id });
    await sdk.beta.sessions.events.send(session.id, {
      events: [
        { type: 'user.message', content: [{ type: 'text', text: 'Hello' }] },
        { type: 'system.message', content: [{ type: 'text', text: 'The user is in Lyon.' }] },
      ],
    });
    await idleWith(session.id, 'end_turn');
    const request = platform.rehearsal.requests().findLast(({ script }) => script === 'echo');
    const said = JSON.stringify(request?.body);
    expect(said.indexOf('The user is in Lyon.')).toBeGreaterThan(said.indexOf('Hello'));
    const types = (await readLog(platform, session.id)).map(({ type }) => type);
    expect(types.indexOf('system.message')).toBe(types.indexOf('user.message') + 1);
  });
});
