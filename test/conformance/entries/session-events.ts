import type { DispatchedToolCall } from '@anthropic-ai/sdk/helpers/beta/environments';
import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { readAll } from '../pages.js';
import { expectMoment } from '../shape.js';

const ASK = { type: 'agent_toolset_20260401', default_config: { permission_policy: { type: 'always_ask' } } } as const;

export const sessionEvents: Entries = {
  'sessions.events.list': {
    'answers the whole turn, oldest first': async ({ client, session, turn, say }) => {
      const { id } = await session();
      await turn(id, say('Hello.'));
      const log = await readAll(client.beta.sessions.events.list(id));
      expect(log.map(({ type }) => type).filter((type) => !type.startsWith('session.thread_') && type !== 'session.usage')).toEqual([
        'user.message',
        'session.status_running',
        'span.model_request_start',
        'agent.message',
        'span.model_request_end',
        'session.status_idle',
      ]);
      for (const event of log) {
        expect(event.id).toMatch(/^sevt_/);
        expectMoment(event.processed_at);
      }
    },
    'pages, in both orders, and filters by type': async ({ client, session, turn, say }) => {
      const { id } = await session();
      await turn(id, say('Hello.'));
      const forward = (await readAll(client.beta.sessions.events.list(id, { limit: 2 }))).map((event) => event.id);
      const backward = (await readAll(client.beta.sessions.events.list(id, { limit: 2, order: 'desc' }))).map((event) => event.id);
      expect(backward).toEqual(forward.toReversed());
      const messages = await readAll(client.beta.sessions.events.list(id, { types: ['agent.message', 'user.message'] }));
      expect(messages.map(({ type }) => type)).toEqual(['user.message', 'agent.message']);
    },
    'filters by time': async ({ client, session, turn, say }) => {
      const { id } = await session();
      await turn(id, say('Hello.'));
      const last = (await readAll(client.beta.sessions.events.list(id))).at(-1);
      const since = last?.processed_at ?? '';
      expect((await readAll(client.beta.sessions.events.list(id, { 'created_at[gte]': since }))).at(-1)?.id).toBe(last?.id);
      expect((await readAll(client.beta.sessions.events.list(id, { 'created_at[lt]': since }))).map((event) => event.id)).not.toContain(last?.id);
    },
  },
  'sessions.events.send': {
    'answers the stored event, which the log keeps': async ({ client, session, untilIdle, say }) => {
      const { id } = await session();
      const { data } = await client.beta.sessions.events.send(id, { events: say('Hello.') });
      expect(data).toMatchObject([{ id: expect.stringMatching(/^sevt_/), type: 'user.message', content: [{ type: 'text', text: 'Hello.' }] }]);
      expect((await untilIdle(id)).map((event) => event.id)).toContain(data?.[0]?.id);
    },
    'takes the result of a custom tool': async ({ colorSession, turn, untilIdle, say }) => {
      const { id } = await colorSession();
      const idle = (await turn(id, say('Which?'))).at(-1);
      if (idle?.type !== 'session.status_idle' || idle.stop_reason.type !== 'requires_action') throw new Error('The session does not wait for the client.');
      const [custom_tool_use_id = ''] = idle.stop_reason.event_ids;
      await turn(id, [{ type: 'user.custom_tool_result', custom_tool_use_id, content: [{ type: 'text', text: 'blue' }] }]);
      const log = await untilIdle(id);
      expect(log.find(({ type }) => type === 'user.custom_tool_result')).toMatchObject({ custom_tool_use_id });
      expect(log.findLast(({ type }) => type === 'agent.message')).toMatchObject({ content: [{ type: 'text', text: 'The answer was blue.' }] });
    },
    'takes a confirmation, and the tool runs': async ({ session, turn, untilIdle, say }) => {
      const { id } = await session({ model: 'rehearsal/shell', tools: [ASK] });
      const idle = (await turn(id, say('Run it.'))).at(-1);
      if (idle?.type !== 'session.status_idle' || idle.stop_reason.type !== 'requires_action') throw new Error('The session does not wait for a person.');
      const [tool_use_id = ''] = idle.stop_reason.event_ids;
      await turn(id, [{ type: 'user.tool_confirmation', tool_use_id, result: 'allow' }]);
      const log = await untilIdle(id);
      expect(log.find(({ type }) => type === 'agent.tool_use')).toMatchObject({ id: tool_use_id, name: 'bash', evaluated_permission: 'ask' });
      expect(JSON.stringify(log.find(({ type }) => type === 'agent.tool_result'))).toContain('from-the-tool');
    },
    'takes an interrupt, which ends the turn': async ({ client, session, untilIdle, say }) => {
      const { id } = await session({ model: 'rehearsal/stalled' });
      const stream = await client.beta.sessions.events.stream(id);
      await client.beta.sessions.events.send(id, { events: say('Never ends.') });
      for await (const { type } of stream) if (type === 'span.model_request_start') break;
      await client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] });
      expect((await untilIdle(id)).map(({ type }) => type)).toContain('user.interrupt');
      expect((await client.beta.sessions.retrieve(id)).status).toBe('idle');
    },
    'takes a message of the system behind one of the user': async ({ client, session, untilIdle, say }) => {
      const { id } = await session();
      await client.beta.sessions.events.send(id, { events: [...say('Hello.'), { type: 'system.message', content: [{ type: 'text', text: 'Be kind.' }] }] });
      expect((await untilIdle(id)).find(({ type }) => type === 'system.message')).toMatchObject({ content: [{ type: 'text', text: 'Be kind.' }] });
    },
    'takes all events of a request or none': async ({ client, session, say }) => {
      const { id } = await session();
      const unknown = { type: 'user.custom_tool_result', custom_tool_use_id: 'sevt_01JD0000000000000000000000' } as const;
      await expectRefused(client.beta.sessions.events.send(id, { events: [...say('Hello.'), unknown] }), 400);
      expect(await readAll(client.beta.sessions.events.list(id))).toEqual([]);
    },
  },
  'sessions.events.stream': {
    'shows each event as the list has it': async ({ session, turn, untilIdle, say }) => {
      const { id } = await session();
      const seen = await turn(id, say('Hello.'));
      const log = new Map((await untilIdle(id)).map((event) => [event.id, event]));
      expect(seen.at(-1)).toMatchObject({ type: 'session.status_idle', stop_reason: { type: 'end_turn' } });
      for (const event of seen) if ('id' in event) expect(event).toEqual(log.get(event.id));
    },
    'shows the text as it comes to who asks for it': async ({ client, session, say }) => {
      const { id } = await session({ model: 'rehearsal/slowly' });
      const stream = await client.beta.sessions.events.stream(id, { event_deltas: ['agent.message'] });
      await client.beta.sessions.events.send(id, { events: say('Hello.') });
      const started = new Set<string>();
      const texts = new Map<string, string>();
      for await (const event of stream) {
        if (event.type === 'event_start') started.add(event.event.id);
        if (event.type === 'event_delta') {
          expect(started.has(event.event_id)).toBe(true);
          texts.set(event.event_id, (texts.get(event.event_id) ?? '') + (event.delta.content.type === 'text' ? event.delta.content.text : ''));
        }
        // A preview may end early: who reads late goes on with the event itself, which is the truth.
        if (event.type === 'agent.message') {
          const text = event.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
          const previewed = texts.get(event.id) ?? '';
          expect(previewed).not.toBe('');
          expect(text.startsWith(previewed)).toBe(true);
        }
        if (event.type === 'session.status_idle') break;
      }
      expect(texts.size).toBe(1);
    },
    'ends when the session is archived or deleted': async ({ client, session }) => {
      const types = async (end: (id: string) => PromiseLike<unknown>) => {
        const { id } = await session();
        const stream = await client.beta.sessions.events.stream(id);
        await end(id);
        const seen: string[] = [];
        for await (const event of stream) seen.push(event.type);
        return seen;
      };
      expect((await types((id) => client.beta.sessions.archive(id))).at(-1)).toBe('session.status_terminated');
      expect((await types((id) => client.beta.sessions.delete(id))).at(-1)).toBe('session.deleted');
    },
  },
  'sessions.events.toolRunner': {
    'answers the custom tools of a session until it is done': async ({ client, colorSession, untilIdle, say }) => {
      const { id } = await colorSession();
      const inputs: unknown[] = [];
      const tool = {
        type: 'custom' as const,
        name: 'favorite_color',
        description: 'Asks the client for a color.',
        input_schema: { type: 'object' as const },
        parse: (input: unknown) => input,
        run: async (input: unknown) => {
          inputs.push(input);
          return 'green';
        },
      };
      const runner = client.beta.sessions.events.toolRunner(id, { tools: [tool], maxIdleMs: 50 });
      await client.beta.sessions.events.send(id, { events: say('Which?') });
      const calls: DispatchedToolCall[] = [];
      for await (const call of runner) calls.push(call);
      expect(calls).toMatchObject([{ name: 'favorite_color', isError: false, posted: true }]);
      expect(inputs).toEqual([{ of: 'sky' }]);
      expect((await untilIdle(id)).findLast(({ type }) => type === 'agent.message')).toMatchObject({ content: [{ text: 'The answer was green.' }] });
    },
  },
};
