import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';
import { begin, newSession, say } from './turns.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const message = (text: string) => ({ type: 'user.message' as const, content: [{ type: 'text' as const, text }] });
const texts = (events: readonly { content?: unknown }[]) => events.map(({ content }) => (content as { text: string }[])[0]?.text);

describe('sending events', () => {
  it('answers the accepted events in order, not yet processed, though Temporal is away', async () => {
    const id = await newSession(gateway);
    const sent = await gateway.sdk().beta.sessions.events.send(id, { events: [message('one'), message('two')] });
    expect(sent.data).toMatchObject([
      { ...message('one'), processed_at: null },
      { ...message('two'), processed_at: null },
    ]);
    const listed = await gateway.sdk().beta.sessions.events.list(id);
    expect(listed.data).toEqual(sent.data);
  });

  it('accepts all of a batch or nothing', async () => {
    const id = await newSession(gateway);
    const { status, body } = await gateway.request('POST', `/v1/sessions/${id}/events`, {
      events: [message('kept?'), { type: 'user.tool_confirmation', tool_use_id: 'sevt_01KAN0000000000000000000AA', result: 'allow' }],
    });
    expect(status).toBe(400);
    expect(body.error.message).toContain('tool_use_id');
    expect((await gateway.sdk().beta.sessions.events.list(id)).data).toEqual([]);
    expect((await gateway.sdk().beta.sessions.retrieve(id)).status).toBe('idle');
  });

  it.each([
    ['nothing', {}, /^events: is required/],
    ['an empty batch', { events: [] }, /^events: /],
    ['an unknown type', { events: [{ type: 'user.shout' }] }, /^events\[0\]\.type: .*user\.message/],
    ['a message without content', { events: [{ type: 'user.message', content: [] }] }, /^events\[0\]\.content: /],
    [
      'a reason for an approval',
      { events: [{ type: 'user.tool_confirmation', tool_use_id: 'sevt_01KAN0000000000000000000AA', result: 'allow', deny_message: 'no' }] },
      /^events\[0\]\.deny_message: /,
    ],
    [
      'the result of an unknown call',
      { events: [{ type: 'user.custom_tool_result', custom_tool_use_id: 'sevt_01KAN0000000000000000000AA' }] },
      /custom_tool_use_id/,
    ],
  ])('refuses %s', async (_case, body, problem) => {
    const id = await newSession(gateway);
    const answer = await gateway.request('POST', `/v1/sessions/${id}/events`, body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toMatch(problem);
  });

  it('raises the fence at an interrupt, so that the interrupted step can write no more', async () => {
    const id = await newSession(gateway);
    const ref = { sessionId: id, workspaceId: gateway.workspaceId };
    const before = await gateway.store.locked(ref, async ({ record }) => record.fence);
    await gateway.sdk().beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] });
    expect(await gateway.store.locked(ref, async ({ record }) => record.fence)).toBeGreaterThan(before);
  });

  it('keeps every one of many concurrent batches, each whole and in its order', async () => {
    const id = await newSession(gateway);
    const batches = Array.from({ length: 20 }, (_, batch) => [message(`${batch}a`), message(`${batch}b`)]);
    await Promise.all(batches.map((events) => gateway.sdk().beta.sessions.events.send(id, { events })));
    const listed = texts((await gateway.sdk().beta.sessions.events.list(id)).data as { content?: unknown }[]);
    expect(new Set(listed).size).toBe(40);
    for (const [index, text] of listed.entries()) if (text?.endsWith('a')) expect(listed[index + 1]).toBe(text.replace('a', 'b'));
  });
});

describe('listing events', () => {
  it('gives the log in order, then the inputs that wait, each once over pages', async () => {
    const id = await newSession(gateway);
    await say(gateway, id, '1', '2', '3');
    await gateway.sdk().beta.sessions.events.send(id, { events: [message('4'), message('5')] });
    const read = async (order: 'asc' | 'desc', limit: number) => {
      const seen: { content?: unknown }[] = [];
      for await (const event of gateway.sdk().beta.sessions.events.list(id, { order, limit })) seen.push(event as { content?: unknown });
      return texts(seen);
    };
    for (const limit of [1, 2, 3, 4, 5, 6]) {
      expect(await read('asc', limit), `asc by ${limit}`).toEqual(['1', '2', '3', '4', '5']);
      expect(await read('desc', limit), `desc by ${limit}`).toEqual(['5', '4', '3', '2', '1']);
    }
  });

  it('misses no input that a step takes between two pages', async () => {
    const id = await newSession(gateway);
    await say(gateway, id, '1');
    await gateway.sdk().beta.sessions.events.send(id, { events: [message('2'), message('3')] });
    const first = (await gateway.request('GET', `/v1/sessions/${id}/events?limit=2`)).body;
    expect(texts(first.data)).toEqual(['1', '2']);
    await begin(gateway, id);
    const second = (await gateway.request('GET', `/v1/sessions/${id}/events?limit=100&page=${first.next_page}`)).body;
    expect(texts(second.data.filter(({ type }: { type: string }) => type === 'user.message'))).toContain('3');
    expect(second.next_page).toBeNull();
  });

  it('filters by type and by time of processing', async () => {
    const id = await newSession(gateway);
    await say(gateway, id, 'old');
    const [old] = (await gateway.sdk().beta.sessions.events.list(id)).data;
    await gateway.sdk().beta.sessions.events.send(id, { events: [message('waits')] });
    const list = async (query: string) => (await gateway.request('GET', `/v1/sessions/${id}/events?${query}`)).body.data;
    expect(texts(await list('types[]=agent.message'))).toEqual(['old']);
    expect(texts(await list('types[]=user.message&types[]=agent.message'))).toEqual(['old', 'waits']);
    expect(await list(`created_at[lt]=${old && 'processed_at' in old ? old.processed_at : ''}`)).toEqual([]);
    expect(texts(await list('created_at[gte]=2020-01-01T00:00:00Z'))).toEqual(['old']);
    expect(await list('types[]=session.error')).toEqual([]);
  });

  it.each(['limit=1001', 'order=sideways', 'page=e30', 'page=%7B%7D', 'created_at[gte]=now'])('refuses %s', async (query) => {
    const id = await newSession(gateway);
    expect((await gateway.request('GET', `/v1/sessions/${id}/events?${query}`)).status).toBe(400);
  });

  it('never shows what only the model adapter needs', async () => {
    const id = await newSession(gateway);
    await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
      session.append([{ type: 'agent.thinking', body: {}, provider: { thinking: 'private', signature: 'private' } }]),
    );
    expect(JSON.stringify((await gateway.request('GET', `/v1/sessions/${id}/events`)).body)).not.toContain('private');
  });
});

describe('the trace', () => {
  it('has one row per attempt, in order, over pages', async () => {
    const id = await newSession(gateway);
    await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, async (session) => {
      const attempt = { turn: 1, step: 1, kind: 'model_call', name: 'rehearsal/demo', key: 'model:1' } as const;
      const first = await session.startAttempt({ ...attempt, attempt: 1 });
      await session.endAttempt(first, { outcome: 'error', errorCode: 'model.overloaded', errorMessage: 'busy' });
      await session.startAttempt({ ...attempt, attempt: 2 });
      await session.startAttempt({ ...attempt, attempt: 3 });
    });
    const { body } = await gateway.request('GET', `/v1/sessions/${id}/trace`);
    expect(body.next_page).toBeNull();
    expect(body.data).toMatchObject([
      {
        type: 'attempt',
        attempt: 1,
        kind: 'model_call',
        outcome: 'error',
        error: { code: 'model.overloaded', message: 'busy' },
        duration_ms: expect.any(Number),
      },
      { attempt: 2, outcome: 'lost', ended_at: expect.any(String) },
      { attempt: 3, outcome: null, ended_at: null, duration_ms: null },
    ]);
    const first = (await gateway.request('GET', `/v1/sessions/${id}/trace?limit=2`)).body;
    const second = (await gateway.request('GET', `/v1/sessions/${id}/trace?limit=2&page=${first.next_page}`)).body;
    expect([...first.data, ...second.data].map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});
