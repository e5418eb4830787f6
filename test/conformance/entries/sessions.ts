import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed, readAll } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { SESSION, SESSION_AGENT } from '../shapes.js';

const TOOLSET = { type: 'agent_toolset_20260401' } as const;

export const sessions: Entries = {
  'sessions.create': {
    'answers an idle session with the agent as it was': async ({ client, agent, environment }) => {
      const made = await agent({ system: 'As it was.' });
      const { id: environment_id } = await environment();
      const session = await client.beta.sessions.create({ agent: made.id, environment_id, title: 'First', metadata: { a: '1' } });
      expectShape(session, SESSION);
      expectShape(session.agent, SESSION_AGENT);
      expect(session).toMatchObject({ title: 'First', status: 'idle', environment_id, metadata: { a: '1' }, resources: [], vault_ids: [], budget: null });
      expect(session.agent).toMatchObject({ id: made.id, version: 1, system: 'As it was.' });
      await client.beta.agents.update(made.id, { system: 'As it is now.' });
      expect((await client.beta.sessions.retrieve(session.id)).agent).toMatchObject({ version: 1, system: 'As it was.' });
    },
    'takes an agent of a version': async ({ client, agent, environment }) => {
      const { id } = await agent({ system: 'One.' });
      await client.beta.agents.update(id, { system: 'Two.' });
      const session = await client.beta.sessions.create({ agent: { type: 'agent', id, version: 1 }, environment_id: (await environment()).id });
      expect(session.agent).toMatchObject({ version: 1, system: 'One.' });
    },
    'takes an agent with overrides': async ({ client, agent, environment }) => {
      const { id } = await agent({ system: 'One.', tools: [TOOLSET] });
      const overrides = { type: 'agent_with_overrides', id, system: null, model: 'rehearsal/demo' } as const;
      const session = await client.beta.sessions.create({ agent: overrides, environment_id: (await environment()).id });
      expect(session.agent).toMatchObject({ id, system: null, model: { id: 'rehearsal/demo' }, tools: [{ type: TOOLSET.type }] });
    },
    'begins to work with initial events': async ({ client, session, untilIdle }) => {
      const content = [{ type: 'text' as const, text: 'Begin.' }];
      const { id } = await session({ initial_events: [{ type: 'user.message', content }] });
      await untilIdle(id);
      const log = await readAll(client.beta.sessions.events.list(id));
      expect(log[0]).toMatchObject({ type: 'user.message', content });
      expect(log.map(({ type }) => type)).toContain('agent.message');
    },
    'takes files, vaults and a budget': async ({ client, upload, session, unique }) => {
      const vault = await client.beta.vaults.create({ display_name: unique('vault') });
      const file = await upload('content');
      const budget = { type: 'limit', max_list_cost: { amount: '500', currency: 'USD' } } as const;
      const made = await session({ vault_ids: [vault.id], resources: [{ type: 'file', file_id: file.id }], budget });
      expect(made).toMatchObject({ vault_ids: [vault.id], budget, resources: [{ type: 'file' }] });
    },
    'refuses what is not there': async ({ client, agent, environment }) => {
      await expectRefused(client.beta.sessions.create({ agent: 'agent_01JD0000000000000000000000', environment_id: (await environment()).id }), 404);
      await expectRefused(client.beta.sessions.create({ agent: (await agent()).id, environment_id: 'env_01JD0000000000000000000000' }), 404);
    },
  },
  'sessions.retrieve': {
    'answers the session, its usage and its stats': async ({ client, session, turn, say }) => {
      const { id } = await session();
      await turn(id, say('Hello.'));
      const found = await client.beta.sessions.retrieve(id);
      expectShape(found, SESSION);
      expectShape(found.agent, SESSION_AGENT);
      expect(found.status).toBe('idle');
      expect(found.usage.input_tokens).toBeGreaterThan(0);
      expect(found.usage.output_tokens).toBeGreaterThan(0);
      expect(found.stats.active_seconds).toBeLessThanOrEqual(found.stats.duration_seconds ?? 0);
    },
    'refuses what is not there with 404': async ({ client }) => {
      const error = await expectRefused(client.beta.sessions.retrieve('sesn_01JD0000000000000000000000'), 404);
      expect(error.type).toBe('not_found_error');
    },
  },
  'sessions.update': {
    'changes title and metadata, and keeps the rest': async ({ client, session }) => {
      const { id } = await session({ title: 'Before', metadata: { a: '1', b: '2' } });
      const updated = await client.beta.sessions.update(id, { title: 'After', metadata: { a: null, c: '3' } });
      expectShape(updated, SESSION);
      expect(updated.title).toBe('After');
      expect(updated.metadata).toEqual({ b: '2', c: '3' });
      expect(await client.beta.sessions.retrieve(id)).toMatchObject({ title: 'After', metadata: { b: '2', c: '3' } });
    },
    'replaces the tools of this session only': async ({ client, session }) => {
      const { id, agent } = await session({ tools: [TOOLSET] });
      expect((await client.beta.sessions.update(id, { agent: { tools: [] } })).agent.tools).toEqual([]);
      expect((await client.beta.agents.retrieve(agent.id)).tools).toMatchObject([{ type: TOOLSET.type }]);
    },
    'leaves an event with what changed': async ({ client, session }) => {
      const { id } = await session({ title: 'Before' });
      await client.beta.sessions.update(id, { title: 'After' });
      const updated = (await readAll(client.beta.sessions.events.list(id))).find(({ type }) => type === 'session.updated');
      expect(updated).toMatchObject({ title: 'After' });
      expect(updated).not.toHaveProperty('metadata');
    },
    'raises a budget that was given at the beginning': async ({ client, session }) => {
      const limit = (amount: string) => ({ type: 'limit' as const, max_list_cost: { amount, currency: 'USD' as const } });
      const { id } = await session({ budget: limit('100') });
      expect((await client.beta.sessions.update(id, { budget: limit('200') })).budget).toEqual(limit('200'));
      await expectRefused(client.beta.sessions.update((await session()).id, { budget: limit('200') }), 400);
    },
    'refuses other vaults with 400': async ({ client, session, unique }) => {
      const vault = await client.beta.vaults.create({ display_name: unique('vault') });
      await expectRefused(client.beta.sessions.update((await session()).id, { vault_ids: [vault.id] }), 400);
    },
  },
  'sessions.list': {
    'finds every session once, page by page': async ({ client, session }) => {
      const made = [await session(), await session(), await session()];
      await expectListed(client.beta.sessions.list({ limit: 2 }), made);
      for (const one of (await client.beta.sessions.list({ limit: 2 })).data) expectShape(one, SESSION);
    },
    'goes back to the page before': async ({ client, agent, environment }) => {
      const { id: agent_id } = await agent();
      const { id: environment_id } = await environment();
      for (let count = 0; count < 3; count += 1) await client.beta.sessions.create({ agent: agent_id, environment_id });
      const first = await client.beta.sessions.list({ agent_id, limit: 2 });
      const second = await client.beta.sessions.list({ agent_id, limit: 2, page: first.next_page ?? '' });
      expect([first.data.length, second.data.length, second.next_page]).toEqual([2, 1, null]);
      const back = await client.beta.sessions.list({ agent_id, limit: 2, page: second.prev_page ?? '' });
      expect(back.data.map(({ id }) => id)).toEqual(first.data.map(({ id }) => id));
    },
    'filters by agent, version, status and time, in both orders': async ({ client, agent, environment }) => {
      const { id: agent_id } = await agent();
      const { id: environment_id } = await environment();
      const one = await client.beta.sessions.create({ agent: agent_id, environment_id });
      await client.beta.agents.update(agent_id, { description: 'Changed.' });
      const two = await client.beta.sessions.create({ agent: agent_id, environment_id });
      const idsOf = async (query: Parameters<typeof client.beta.sessions.list>[0]) => (await client.beta.sessions.list(query)).data.map(({ id }) => id);
      expect(await idsOf({ agent_id })).toEqual([two.id, one.id]);
      expect(await idsOf({ agent_id, order: 'asc' })).toEqual([one.id, two.id]);
      expect(await idsOf({ agent_id, agent_version: 2 })).toEqual([two.id]);
      expect(await idsOf({ agent_id, statuses: ['idle'] })).toEqual([two.id, one.id]);
      expect(await idsOf({ agent_id, statuses: ['running', 'rescheduling'] })).toEqual([]);
      expect(await idsOf({ agent_id, 'created_at[lt]': one.created_at })).toEqual([]);
      expect(await idsOf({ agent_id, 'created_at[gte]': one.created_at })).toEqual([two.id, one.id]);
      await client.beta.sessions.archive(two.id);
      expect(await idsOf({ agent_id })).toEqual([one.id]);
      expect(await idsOf({ agent_id, include_archived: true })).toEqual([two.id, one.id]);
    },
  },
  'sessions.delete': {
    'removes the session with its events': async ({ client, session, turn, say }) => {
      const { id } = await session();
      await turn(id, say('Hello.'));
      expect(await client.beta.sessions.delete(id)).toMatchObject({ id, type: 'session_deleted' });
      await expectRefused(client.beta.sessions.retrieve(id), 404);
      await expectRefused(client.beta.sessions.events.list(id), 404);
    },
  },
  'sessions.archive': {
    'ends the session, which stays readable': async ({ client, session }) => {
      const { id } = await session();
      const archived = await client.beta.sessions.archive(id);
      expectShape(archived, SESSION);
      expect(archived.status).toBe('terminated');
      expectMoment(archived.archived_at);
      expect((await client.beta.sessions.retrieve(id)).archived_at).toBe(archived.archived_at);
    },
    'refuses further events, not to be repeated': async ({ client, session, say }) => {
      const { id } = await session();
      await client.beta.sessions.archive(id);
      const error = await expectRefused(client.beta.sessions.events.send(id, { events: say('Too late.') }), 409);
      expect(error.headers?.get('x-should-retry')).toBe('false');
    },
    'refuses while the session works with 400': async ({ client, session, say }) => {
      const { id } = await session({ model: 'rehearsal/stalled' });
      await client.beta.sessions.events.send(id, { events: say('Never ends.') });
      await expectRefused(client.beta.sessions.archive(id), 400);
      await client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] });
    },
  },
};
