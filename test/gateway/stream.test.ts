import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { waitFor } from '../support/wait-for.js';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';
import { openStream } from './sse.js';
import { begin, finish, newSession, say } from './turns.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const path = (id: string, query = '') => `/v1/sessions/${id}/events/stream${query}`;
const message = (text: string) => ({ type: 'user.message' as const, content: [{ type: 'text' as const, text }] });
const texts = (frames: readonly { data: Readonly<Record<string, unknown>> }[]) =>
  frames.map(({ data }) => (data['content'] as { text: string }[] | undefined)?.[0]?.text);

describe('a live stream', () => {
  it('sends its headers at once, before there is any event', async () => {
    const stream = await openStream(gateway, path(await newSession(gateway)));
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    stream.close();
  });

  it('gives what comes, not what was, each the same object as in the list', async () => {
    const id = await newSession(gateway);
    await say(gateway, id, 'before');
    const stream = await openStream(gateway, path(id));
    await say(gateway, id, 'one', 'two');
    const frames = [await stream.next(), await stream.next()];
    const listed = (await gateway.request('GET', `/v1/sessions/${id}/events`)).body.data;
    expect(frames.map(({ data }) => data)).toEqual(listed.slice(1));
    expect(frames.map(({ event, id: seq }) => ({ event, seq }))).toEqual([
      { event: 'agent.message', seq: 2 },
      { event: 'agent.message', seq: 3 },
    ]);
    stream.close();
  });

  it('misses nothing between the headers and the first event: history and stream together are whole', async () => {
    const id = await newSession(gateway);
    let written = 0;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        written += 1;
        await say(gateway, id, String(written));
      }
    })();
    const stream = await openStream(gateway, path(id));
    const history: { id: string }[] = [];
    for await (const event of gateway.sdk().beta.sessions.events.list(id)) history.push(event as { id: string });
    await waitFor('some events behind the history', () => written > history.length + 5);
    writing = false;
    await writer;
    const last = (await gateway.request('GET', `/v1/sessions/${id}/events?order=desc&limit=1`)).body.data[0];
    const seen = new Map(history.map((event) => [event.id, event as unknown]));
    for (let frame = await stream.next(); ; frame = await stream.next()) {
      seen.set(frame.data.id ?? '', frame.data);
      if (frame.data.id === last.id) break;
    }
    expect(texts([...seen.values()].map((data) => ({ data: data as Record<string, unknown> })))).toEqual(
      Array.from({ length: written }, (_, index) => String(index + 1)),
    );
    stream.close();
  });

  it('gives an input once, when a step takes it', async () => {
    const id = await newSession(gateway);
    const stream = await openStream(gateway, path(id));
    const { data: [sent] = [] } = await gateway.sdk().beta.sessions.events.send(id, { events: [message('hello')] });
    await begin(gateway, id);
    await finish(gateway, id, 'done');
    const frames = await stream.until('session.status_idle');
    expect(frames.filter(({ event }) => event === 'user.message')).toMatchObject([{ data: { id: sent?.id, processed_at: expect.any(String) } }]);
    expect(frames.map(({ event }) => event)).toEqual([
      'user.message',
      'session.thread_status_running',
      'session.status_running',
      'agent.message',
      'session.thread_status_idle',
      'session.status_idle',
    ]);
    stream.close();
  });

  it('is read by the official SDK', async () => {
    const id = await newSession(gateway);
    const stream = await gateway.sdk().beta.sessions.events.stream(id);
    await gateway.sdk().beta.sessions.events.send(id, { events: [message('hello')] });
    await begin(gateway, id);
    await finish(gateway, id, 'done');
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === 'session.status_idle') break;
    }
    expect(types).toEqual(expect.arrayContaining(['user.message', 'session.status_running', 'agent.message', 'session.status_idle']));
  });

  it('reaches every reader', async () => {
    const id = await newSession(gateway);
    const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(gateway, path(id))));
    await say(gateway, id, 'to all');
    for (const stream of streams) {
      expect(texts([await stream.next()])).toEqual(['to all']);
      stream.close();
    }
  });
});

describe('a replayed stream', () => {
  it.each([
    ['Last-Event-ID', '', { 'last-event-id': '1' }],
    ['?after=', '?after=1', {}],
    ['Last-Event-ID rather than ?after=, as a browser that reconnects sends both', '?after=0', { 'last-event-id': '1' }],
  ])('begins behind %s, and goes on live', async (_case, query, headers) => {
    const id = await newSession(gateway);
    await say(gateway, id, '1', '2', '3');
    const stream = await openStream(gateway, path(id, query), { headers });
    expect(texts([await stream.next(), await stream.next()])).toEqual(['2', '3']);
    const [live] = await say(gateway, id, 'live');
    expect((await stream.next()).data.id).toBe(live?.id);
    stream.close();
  });

  it('gives a long log whole and in order', async () => {
    const id = await newSession(gateway);
    const all = Array.from({ length: 1_234 }, (_, index) => String(index + 1));
    await say(gateway, id, ...all);
    await finish(gateway, id, 'end');
    const stream = await openStream(gateway, path(id, '?after=0'));
    const frames = await stream.until('session.status_idle');
    expect(frames.map(({ id: seq }) => seq)).toEqual(Array.from({ length: 1_237 }, (_, index) => index + 1));
    stream.close();
  });

  it('holds no more than a batch for a reader that does not read', async () => {
    const id = await newSession(gateway);
    const big = 'x'.repeat(100_000);
    for (let index = 0; index < 30; index += 1) await say(gateway, id, ...Array.from({ length: 10 }, () => big));
    const responses: ServerResponse[] = [];
    const collect = (message: unknown) => responses.push((message as { response: ServerResponse }).response);
    subscribe('http.server.request.start', collect);
    const unread = await openStream(gateway, path(id, '?after=0'));
    unsubscribe('http.server.request.start', collect);
    const reader = await openStream(gateway, path(id, '?after=0'));
    for (let index = 0; index < 300; index += 1) await reader.next();
    expect(responses).toHaveLength(1);
    expect(responses[0]?.writableLength).toBeGreaterThan(0);
    expect(responses[0]?.writableLength).toBeLessThan(11_000_000);
    unread.close();
    reader.close();
  });

  it.each(['?after=-1', '?after=x', '?event_deltas[]=agent.tool_use'])('refuses %s', async (query) => {
    expect((await gateway.request('GET', path(await newSession(gateway), query))).status).toBe(400);
  });

  it('refuses a Last-Event-ID that is none of ours', async () => {
    const { status, body } = await gateway.request('GET', path(await newSession(gateway)), undefined, { 'last-event-id': 'abc' });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/^Last-Event-ID: /);
  });
});

describe('text on its way', () => {
  const publish = (id: string, eventId: string, attempt: number, ...pieces: readonly string[]) =>
    gateway.store.publishDeltas(
      { sessionId: id, workspaceId: gateway.workspaceId },
      pieces.map((text) => ({ eventId, eventType: 'agent.message' as const, attempt, block: 0, text })),
      0,
    );
  const finishMessage = (id: string, eventId: string, text: string) =>
    gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
      session.append([{ id: eventId, type: 'agent.message', body: { content: [{ type: 'text', text }] } }]),
    );
  const deltas = '?event_deltas[]=agent.message';
  const newEventId = () => newId('event');

  it('comes to those who opted in, a start first, the final event last, under one id', async () => {
    const id = await newSession(gateway);
    const eventId = newEventId();
    const stream = await openStream(gateway, path(id, deltas));
    const plain = await openStream(gateway, path(id));
    await publish(id, eventId, 1, 'Hel');
    expect((await stream.next()).data).toEqual({ type: 'event_start', event: { type: 'agent.message', id: eventId } });
    expect((await stream.next()).data).toEqual({
      type: 'event_delta',
      event_id: eventId,
      delta: { type: 'content_delta', index: 0, content: { type: 'text', text: 'Hel' } },
    });
    await publish(id, eventId, 1, 'lo');
    expect((await stream.next()).data).toMatchObject({ delta: { content: { text: 'lo' } } });
    await finishMessage(id, eventId, 'Hello');
    expect(await stream.next()).toMatchObject({ event: 'agent.message', id: 1, data: { id: eventId } });
    expect(await plain.next()).toMatchObject({ event: 'agent.message', data: { id: eventId } });
    stream.close();
    plain.close();
  });

  it('so far is given to a late joiner', async () => {
    const id = await newSession(gateway);
    const eventId = newEventId();
    await publish(id, eventId, 1, 'all ', 'of ', 'it');
    const stream = await openStream(gateway, path(id, deltas));
    expect((await stream.next()).event).toBe('event_start');
    expect((await stream.next()).data).toMatchObject({ delta: { content: { text: 'all of it' } } });
    stream.close();
  });

  it('starts again under the same id at a new attempt; the old one is not heard any more', async () => {
    const id = await newSession(gateway);
    const eventId = newEventId();
    const stream = await openStream(gateway, path(id, deltas));
    await publish(id, eventId, 1, 'first');
    expect([await stream.next(), await stream.next()].map(({ event }) => event)).toEqual(['event_start', 'event_delta']);
    await publish(id, eventId, 2, 'second');
    expect(await stream.next()).toMatchObject({ event: 'event_start', data: { event: { id: eventId } } });
    expect(await stream.next()).toMatchObject({ data: { delta: { content: { text: 'second' } } } });
    await publish(id, eventId, 1, 'a dead attempt speaks');
    await publish(id, eventId, 2, ' goes on');
    expect(await stream.next()).toMatchObject({ data: { delta: { content: { text: ' goes on' } } } });
    const late = await openStream(gateway, path(id, deltas));
    expect([await late.next(), await late.next()]).toMatchObject([{ event: 'event_start' }, { data: { delta: { content: { text: 'second goes on' } } } }]);
    stream.close();
    late.close();
  });

  it('is forgotten when its model request ends without an event', async () => {
    const id = await newSession(gateway);
    await publish(id, newEventId(), 1, 'cut off');
    await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
      session.append([{ type: 'span.model_request_end', body: { is_error: true } }]),
    );
    const stream = await openStream(gateway, path(id, deltas));
    await say(gateway, id, 'later');
    expect((await stream.next()).event).toBe('agent.message');
    stream.close();
  });

  it('is not heard after its final event, whatever a dead attempt still says', async () => {
    const id = await newSession(gateway);
    const eventId = newEventId();
    const stream = await openStream(gateway, path(id, deltas));
    await publish(id, eventId, 1, 'Hel');
    await finishMessage(id, eventId, 'Hello');
    await stream.until('agent.message');
    await publish(id, eventId, 1, 'lo from the dead');
    await say(gateway, id, 'next');
    expect((await stream.next()).event).toBe('agent.message');
    stream.close();
  });

  it('of thinking is announced, never shown', async () => {
    const id = await newSession(gateway);
    const eventId = newEventId();
    const stream = await openStream(gateway, path(id, '?event_deltas[]=agent.thinking'));
    await gateway.store.publishDeltas(
      { sessionId: id, workspaceId: gateway.workspaceId },
      [{ eventId, eventType: 'agent.thinking', attempt: 1, block: 0, text: 'private' }],
      0,
    );
    await finishMessage(id, newEventId(), 'Hello');
    const frames = await stream.until('agent.message');
    expect(frames.map(({ event }) => event)).toEqual(['event_start', 'agent.message']);
    expect(JSON.stringify(frames)).not.toContain('private');
    stream.close();
  });

  it('never overtakes the events before it', async () => {
    const id = await newSession(gateway);
    const stream = await openStream(gateway, path(id, deltas));
    for (let round = 0; round < 20; round += 1) {
      const eventId = newEventId();
      await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
        session.append([{ type: 'span.model_request_start', body: { round } }]),
      );
      await publish(id, eventId, 1, 'a');
      await publish(id, eventId, 1, 'b');
      await finishMessage(id, eventId, 'ab');
    }
    let frame = await stream.next();
    for (let round = 0; round < 20; round += 1) {
      expect(frame).toMatchObject({ event: 'span.model_request_start', data: { round } });
      const heard: string[] = [];
      do {
        frame = await stream.next();
        heard.push(frame.event);
      } while (frame.event !== 'agent.message');
      expect(heard.slice(0, -1)).toEqual(['event_start', 'event_delta', 'event_delta'].slice(0, heard.length - 1));
      if (round < 19) frame = await stream.next();
    }
    stream.close();
  });
});

describe('a stream ends', () => {
  it('after session.status_terminated', async () => {
    const id = await newSession(gateway);
    const stream = await openStream(gateway, path(id));
    await gateway.request('POST', `/v1/sessions/${id}/kill`);
    expect((await stream.rest()).at(-1)?.event).toBe('session.status_terminated');
  });

  it('at once, with the last event, when the session has ended already', async () => {
    const id = await newSession(gateway);
    await gateway.request('POST', `/v1/sessions/${id}/archive`);
    const stream = await openStream(gateway, path(id));
    expect((await stream.rest()).map(({ event }) => event)).toEqual(['session.status_terminated']);
  });

  it('after session.deleted, the same for every reader', async () => {
    const id = await newSession(gateway);
    const streams = [await openStream(gateway, path(id)), await openStream(gateway, path(id))];
    await gateway.sdk().beta.sessions.delete(id);
    const [left, right] = [await streams[0]?.rest(), await streams[1]?.rest()];
    expect(left).toMatchObject([{ event: 'session.deleted', id: undefined, data: { type: 'session.deleted', id: expect.stringMatching(/^sevt_/) } }]);
    expect(right?.[0]?.data.id).toBe(left?.[0]?.data.id);
  });

  it('goes on when its notifications were cut, with nothing missed', async () => {
    const id = await newSession(gateway);
    const stream = await openStream(gateway, path(id));
    const owner = new pg.Client({ connectionString: gateway.ownerUrl });
    await owner.connect();
    await owner.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rondo-listener' and datname = current_database()`);
    await owner.end();
    await say(gateway, id, 'while away');
    const began = performance.now();
    expect(texts([await stream.next()])).toEqual(['while away']);
    expect(performance.now() - began).toBeLessThan(4_000);
    stream.close();
  });
});

describe('what a running call prints', () => {
  const wanted = '?event_deltas[]=rondo.tool_output';
  const refOf = (sessionId: string) => ({ sessionId, workspaceId: gateway.workspaceId });

  /** A call that an attempt has claimed. */
  async function aCall(sessionId: string, attempt = 1): Promise<string> {
    return gateway.store.locked(refOf(sessionId), async (session) => {
      const [call] = await session.append([{ type: 'agent.tool_use', body: { name: 'bash', input: {} } }]);
      await session.claimEffect({ key: call?.id ?? '', attempt });
      return call?.id ?? '';
    });
  }
  const print = (sessionId: string, callId: string, begins: number, text: string, attempt = 1) =>
    gateway.store.publishCallOutput(refOf(sessionId), { callId, attempt, pieces: [{ begins, bytes: Buffer.byteLength(text), text }] });

  it('comes to those who opted in, behind the call, with the bytes it stands for', async () => {
    const id = await newSession(gateway);
    const stream = await openStream(gateway, path(id, wanted));
    const plain = await openStream(gateway, path(id, '?event_deltas[]=agent.message'));
    const callId = await aCall(id);
    await print(id, callId, 0, 'zwölf');
    expect((await stream.next()).event).toBe('agent.tool_use');
    expect(await stream.next()).toEqual({
      event: 'rondo.tool_output',
      id: undefined,
      data: { type: 'rondo.tool_output', tool_use_id: callId, offset: 0, bytes: 6, text: 'zwölf' },
    });
    await print(id, callId, 6, ' more\0');
    expect((await stream.next()).data).toMatchObject({ offset: 6, text: ' more\ufffd' });
    await say(gateway, id, 'after');
    expect([await plain.next(), await plain.next()].map(({ event }) => event)).toEqual(['agent.tool_use', 'agent.message']);
    stream.close();
    plain.close();
  });

  it('is in no list, and gone when the call is finished; nothing comes of an attempt that was overtaken', async () => {
    const id = await newSession(gateway);
    const callId = await aCall(id);
    await print(id, callId, 0, 'one');
    await gateway.store.locked(refOf(id), (session) => session.claimEffect({ key: callId, attempt: 2 }));
    await print(id, callId, 3, 'of the dead', 1);
    expect(await gateway.store.endOfCallOutput(refOf(id), callId)).toBe(3);
    await print(id, callId, 3, 'two', 2);
    const late = await openStream(gateway, path(id, wanted));
    expect([(await late.next()).data, (await late.next()).data]).toMatchObject([{ text: 'one' }, { text: 'two', offset: 3 }]);
    late.close();
    await gateway.store.locked(refOf(id), (session) => session.sealEffect(callId, { kind: 'done' }));
    await print(id, callId, 6, 'too late', 2);
    expect(await gateway.store.endOfCallOutput(refOf(id), callId)).toBe(0);
    const { data } = (await gateway.request('GET', `/v1/sessions/${id}/events`)).body;
    expect(data.map((event: { type: string }) => event.type)).toEqual(['agent.tool_use']);
  });

  it('is kept for late readers up to a bound, from its end', async () => {
    const id = await newSession(gateway);
    const callId = await aCall(id);
    const piece = 'x'.repeat(16_384);
    for (let index = 0; index < 40; index += 1) await print(id, callId, index * piece.length, piece);
    const late = await openStream(gateway, path(id, wanted));
    const first = (await late.next()).data as unknown as { offset: number };
    expect(first.offset).toBe(40 * piece.length - 256 * 1024);
    for (let offset = first.offset + piece.length; offset < 40 * piece.length; offset += piece.length)
      expect((await late.next()).data).toMatchObject({ offset });
    late.close();
  });
});
