import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';
import { openStream } from './sse.js';
import { askClient, begin, finish, say } from './turns.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ TEMPORAL_UI_URL: 'http://temporal.example:8233' });
});
afterAll(async () => {
  await gateway?.stop();
});

const invoke = (body: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>> = {}) =>
  gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'hello', mode: 'background', ...body }, headers);

/** The newest session, once it is there. */
const newestSession = (known: readonly string[]) =>
  waitFor('a session', async () =>
    (await gateway.request('GET', '/v1/sessions?limit=100')).body.data.map(({ id }: { id: string }) => id).find((id: string) => !known.includes(id)),
  ) as Promise<string>;
const sessions = async (): Promise<string[]> => (await gateway.request('GET', '/v1/sessions?limit=100')).body.data.map(({ id }: { id: string }) => id);

describe('an invocation in the background', () => {
  it('is accepted with a session, its input and links, though Temporal is away', async () => {
    const { status, headers, body } = await invoke({ metadata: { ticket: '7' }, limits: { max_steps: 3 } });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(body.links.self);
    expect(body).toEqual({
      id: expect.stringMatching(/^inv_/),
      type: 'invocation',
      session_id: expect.stringMatching(/^sesn_/),
      status: 'queued',
      stop_reason: null,
      output: null,
      output_text: null,
      usage: { input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
      steps: 0,
      cold_start_ms: null,
      created_at: expect.any(String),
      started_at: null,
      ended_at: null,
      links: {
        self: `${gateway.url}/v1/invocations/${body.id}`,
        session: `${gateway.url}/v1/sessions/${body.session_id}`,
        events: `${gateway.url}/v1/sessions/${body.session_id}/events`,
        stream: `${gateway.url}/v1/sessions/${body.session_id}/events/stream`,
        trace: `${gateway.url}/v1/sessions/${body.session_id}/trace`,
        temporal_ui: `http://temporal.example:8233/namespaces/rondo/workflows/session-${body.session_id}`,
      },
    });
    const session = await gateway.request('GET', `/v1/sessions/${body.session_id}`);
    expect(session.body).toMatchObject({ status: 'running', metadata: { ticket: '7' }, agent: { name: 'inline', model: { id: MODEL } } });
    const events = await gateway.request('GET', `/v1/sessions/${body.session_id}/events`);
    expect(events.body.data).toMatchObject([{ type: 'user.message', processed_at: null, content: [{ type: 'text', text: 'hello' }] }]);
  });

  it('is reported from its start to its end', async () => {
    const { body } = await invoke({});
    await begin(gateway, body.session_id);
    const running = (await gateway.request('GET', `/v1/invocations/${body.id}`)).body;
    expect(running).toMatchObject({ status: 'running', started_at: expect.any(String), cold_start_ms: expect.any(Number), ended_at: null });
    await finish(gateway, body.session_id, 'good day');
    const ended = (await gateway.request('GET', `/v1/invocations/${body.id}`)).body;
    expect(ended).toMatchObject({
      status: 'completed',
      stop_reason: { type: 'end_turn' },
      output: [{ type: 'text', text: 'good day' }],
      output_text: 'good day',
      usage: { input_tokens: 12, output_tokens: 3 },
      steps: 1,
      ended_at: expect.any(String),
    });
  });

  it('is killed with its session', async () => {
    const { body } = await invoke({});
    await gateway.request('POST', `/v1/sessions/${body.session_id}/kill`);
    expect((await gateway.request('GET', `/v1/invocations/${body.id}`)).body).toMatchObject({ status: 'killed', ended_at: expect.any(String) });
  });
});

describe('an inline definition', () => {
  it('becomes an agent once, and is found again whatever the order of its fields', async () => {
    const definition = { system: 'Be brief.', tools: [{ type: 'agent_toolset_20260401' }] };
    const first = await invoke(definition);
    const second = await invoke({ tools: definition.tools, system: 'Be brief.', input: 'another' });
    const third = await invoke({ ...definition, system: 'Be long.' });
    const agentOf = async (id: string) => (await gateway.request('GET', `/v1/sessions/${id}`)).body;
    const [one, two, three] = [await agentOf(first.body.session_id), await agentOf(second.body.session_id), await agentOf(third.body.session_id)];
    expect(two.agent.id).toBe(one.agent.id);
    expect(three.agent.id).not.toBe(one.agent.id);
    expect(two.environment_id).toBe(one.environment_id);
    expect((await gateway.request('GET', `/v1/environments/${one.environment_id}`)).body.name).toBe('default');
    expect((await gateway.request('GET', `/v1/agents/${one.agent.id}`)).body).toMatchObject({ version: 1, system: 'Be brief.' });
  });

  it('becomes one agent also when many invocations come at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 15 }, () => invoke({ system: 'All at once.' })));
    expect(answers.map(({ status }) => status)).toEqual(Array(15).fill(202));
    const agents = await Promise.all(answers.map(async ({ body }) => (await gateway.request('GET', `/v1/sessions/${body.session_id}`)).body.agent.id));
    expect(new Set(agents).size).toBe(1);
  });
});

describe('Idempotency-Key', () => {
  it('gives 20 concurrent requests one invocation, one session and one input', async () => {
    const before = await sessions();
    const answers = await Promise.all(Array.from({ length: 20 }, () => invoke({ input: 'once' }, { 'idempotency-key': 'twenty' })));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await sessions()).length - before.length).toBe(1);
    const events = await gateway.request('GET', `/v1/sessions/${answers[0]?.body.session_id}/events`);
    expect(events.body.data).toHaveLength(1);
    const again = await invoke({ input: 'once' }, { 'idempotency-key': 'twenty' });
    expect(again.body.id).toBe(answers[0]?.body.id);
  });

  it('gives concurrent requests one invocation in a session that exists, too', async () => {
    const { body } = await invoke({});
    const goOn = () =>
      gateway.request(
        'POST',
        '/v1/invoke',
        { session_id: body.session_id, input: 'more', mode: 'background' },
        { 'idempotency-key': 'go on'.replace(' ', '-') },
      );
    const answers = await Promise.all(Array.from({ length: 10 }, goOn));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect((await gateway.request('GET', `/v1/sessions/${body.session_id}/events`)).body.data).toHaveLength(2);
  });

  it('with another body is 409, not to be retried', async () => {
    await invoke({ input: 'this' }, { 'idempotency-key': 'k1' });
    const { status, headers, body } = await invoke({ input: 'that' }, { 'idempotency-key': 'k1' });
    expect(status).toBe(409);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(body.error.message).toMatch(/^Idempotency-Key: /);
  });

  it('belongs to a workspace', async () => {
    const mine = await invoke({}, { 'idempotency-key': 'shared' });
    const theirs = await invoke({}, { 'idempotency-key': 'shared', authorization: `Bearer ${OTHER_KEY}` });
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it.each(['', 'x'.repeat(256), 'with space'])('is refused when it is %j', async (key) => {
    expect((await invoke({}, { 'idempotency-key': key })).status).toBe(400);
  });
});

describe('going on with a session', () => {
  it('queues the input, and its limits replace those of the session', async () => {
    const first = await invoke({ limits: { max_steps: 3, max_tokens: 1_000 } });
    const second = await gateway.request('POST', '/v1/invoke', {
      session_id: first.body.session_id,
      input: 'more',
      limits: { max_steps: 9 },
      mode: 'background',
    });
    expect(second.status).toBe(202);
    expect(second.body.session_id).toBe(first.body.session_id);
    const ref = { sessionId: first.body.session_id, workspaceId: gateway.workspaceId };
    expect(await gateway.store.locked(ref, async ({ record }) => record.limits)).toEqual({ max_steps: 9 });
    await begin(gateway, first.body.session_id);
    await finish(gateway, first.body.session_id, 'both');
    for (const { body } of [first, second]) expect((await gateway.request('GET', `/v1/invocations/${body.id}`)).body.output_text).toBe('both');
  });

  it('is 409 when the session has ended', async () => {
    const { body } = await invoke({});
    await gateway.request('POST', `/v1/sessions/${body.session_id}/kill`);
    const answer = await gateway.request('POST', '/v1/invoke', { session_id: body.session_id, input: 'more' });
    expect(answer.status).toBe(409);
    expect(answer.headers.get('x-should-retry')).toBe('false');
  });
});

describe('an invocation that is waited for', () => {
  it('answers 200 with the result as soon as the turn ends', async () => {
    const known = await sessions();
    const answering = invoke({ mode: 'wait' });
    const sessionId = await newestSession(known);
    await begin(gateway, sessionId);
    await finish(gateway, sessionId, 'waited for');
    const ended = performance.now();
    const { status, body } = await answering;
    // Without a notification it would look again after two seconds.
    expect(performance.now() - ended).toBeLessThan(1_800);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'completed', output_text: 'waited for' });
  });

  it('answers 200 when the client must act', async () => {
    const known = await sessions();
    const answering = invoke({ mode: 'wait' });
    const sessionId = await newestSession(known);
    await begin(gateway, sessionId);
    await askClient(gateway, sessionId);
    const { status, body } = await answering;
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'requires_action',
      stop_reason: { type: 'requires_action', event_ids: [expect.stringMatching(/^sevt_/)] },
      ended_at: null,
    });
  });

  it('answers 202 with the state so far when the time is over', async () => {
    const { status, headers, body } = await invoke({ mode: 'wait', timeout_seconds: 1 });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(body.links.self);
    expect(body.status).toBe('queued');
  });

  it('ends at once for a key whose invocation has ended', async () => {
    const headers = { 'idempotency-key': 'ended' };
    const known = await sessions();
    const first = invoke({ mode: 'wait' }, headers);
    const sessionId = await newestSession(known);
    await begin(gateway, sessionId);
    await finish(gateway, sessionId, 'once');
    const again = await invoke({ mode: 'wait' }, headers);
    expect(again.status).toBe(200);
    expect(again.body).toEqual((await first).body);
  });
});

describe('an invocation as a stream', () => {
  it('gives the events from its input on, and ends with the invocation', async () => {
    const known = await sessions();
    const stream = await openStream(gateway, '/v1/invoke', { post: { model: MODEL, input: 'hello', mode: 'stream' } });
    const sessionId = await newestSession(known);
    await begin(gateway, sessionId);
    await say(gateway, sessionId, 'on the way');
    await finish(gateway, sessionId, 'done');
    const frames = await stream.rest();
    expect(frames.map(({ event }) => event)).toEqual([
      'user.message',
      'session.thread_status_running',
      'session.status_running',
      'agent.message',
      'agent.message',
      'session.thread_status_idle',
      'session.status_idle',
      'rondo.invocation',
    ]);
    expect(frames.at(-1)?.data).toMatchObject({ type: 'rondo.invocation', invocation: { status: 'completed', output_text: 'done' } });
  });

  it('of a session that exists begins behind what was said before', async () => {
    const { body } = await invoke({});
    await begin(gateway, body.session_id);
    await finish(gateway, body.session_id, 'long ago');
    const stream = await openStream(gateway, '/v1/invoke', { post: { session_id: body.session_id, input: 'again', mode: 'stream' } });
    await begin(gateway, body.session_id);
    await finish(gateway, body.session_id, 'now');
    const frames = await stream.rest();
    expect(frames[0]).toMatchObject({ event: 'user.message', data: { content: [{ text: 'again' }] } });
    expect(JSON.stringify(frames)).not.toContain('long ago');
  });

  it('ends with the invocation also when the session is killed', async () => {
    const known = await sessions();
    const stream = await openStream(gateway, '/v1/invoke', { post: { model: MODEL, input: 'hello', mode: 'stream' } });
    await gateway.request('POST', `/v1/sessions/${await newestSession(known)}/kill`);
    const frames = await stream.rest();
    expect(frames.at(-2)?.event).toBe('session.status_terminated');
    expect(frames.at(-1)?.data).toMatchObject({ invocation: { status: 'killed' } });
  });

  it('of an ended invocation is replayed whole for the same key', async () => {
    const post = { model: MODEL, input: 'hello', mode: 'stream' };
    const headers = { 'idempotency-key': 'replayed' };
    const known = await sessions();
    const stream = await openStream(gateway, '/v1/invoke', { post, headers });
    const sessionId = await newestSession(known);
    await begin(gateway, sessionId);
    await finish(gateway, sessionId, 'done');
    const first = await stream.rest();
    const again = await (await openStream(gateway, '/v1/invoke', { post, headers })).rest();
    expect(again).toEqual(first);
  });

  it('answers an error before the stream in the envelope', async () => {
    const { status, body } = await gateway.request('POST', '/v1/invoke', { model: 'nobody', input: 'x', mode: 'stream' });
    expect(status).toBe(400);
    expect(body.type).toBe('error');
  });
});
