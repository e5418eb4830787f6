import type Anthropic from '@anthropic-ai/sdk';
import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { HEARTBEAT, QUEUE, WORK } from '../shapes.js';
import type { World } from '../world.js';

/** A session of a self-hosted environment whose agent wants a tool run, and the work item for it. */
async function withWork(world: World) {
  const { environment, key, worker } = await world.selfHosted();
  const session = await world.session({ environment_id: environment.id, model: 'rehearsal/shell', tools: [{ type: 'agent_toolset_20260401' }] });
  await world.client.beta.sessions.events.send(session.id, { events: world.say('Run it.') });
  return { environment_id: environment.id, key, worker, session };
}

/** The work item as a worker gets it: with the secret. */
async function polled(world: World) {
  const made = await withWork(world);
  const work = await nextWork(made.worker, made.environment_id);
  return { ...made, work };
}

async function nextWork(worker: Anthropic, environment_id: string) {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const work = await worker.beta.environments.work.poll(environment_id, { block_ms: 999 });
    if (work) return work;
  }
  throw new Error('No work came within ten polls.');
}

/** A work item that a worker holds by its heartbeat. */
async function held(world: World) {
  const made = await polled(world);
  const { environment_id } = made;
  await made.worker.beta.environments.work.ack(made.work.id, { environment_id });
  const heartbeat = await made.worker.beta.environments.work.heartbeat(made.work.id, { environment_id, expected_last_heartbeat: 'NO_HEARTBEAT' });
  return { ...made, heartbeat };
}

export const work: Entries = {
  'environments.work.poll': {
    'answers the item of a session, with its secret': async (world) => {
      const { session, worker, work: item, environment_id } = await polled(world);
      expectShape(item, WORK);
      expect(item).toMatchObject({ environment_id, state: 'queued', data: { type: 'session', id: session.id }, acknowledged_at: null });
      const secret = JSON.parse(Buffer.from(item.secret ?? '', 'base64url').toString()) as { sessions_token?: string };
      await worker.beta.environments.work.ack(item.id, { environment_id });
      expect((await world.clientWith(secret.sessions_token ?? '').beta.sessions.retrieve(session.id)).id).toBe(session.id);
    },
    'answers null when there is nothing': async ({ selfHosted }) => {
      const { environment, worker } = await selfHosted();
      expect(await worker.beta.environments.work.poll(environment.id)).toBeNull();
      expect(await worker.beta.environments.work.poll(environment.id, { block_ms: 50 })).toBeNull();
    },
    'refuses a key of another environment': async ({ selfHosted }) => {
      const { environment } = await selfHosted();
      const { worker } = await selfHosted();
      const error = await worker.beta.environments.work.poll(environment.id).then(
        () => undefined,
        (reason: Error & { status?: number }) => reason.status,
      );
      expect([403, 404]).toContain(error);
    },
  },
  'environments.work.ack': {
    'takes the item from the queue': async (world) => {
      const { worker, work: item, environment_id } = await polled(world);
      const acknowledged = await worker.beta.environments.work.ack(item.id, { environment_id });
      expectShape(acknowledged, WORK);
      expect(acknowledged).toMatchObject({ id: item.id, state: 'starting', secret: null });
      expectMoment(acknowledged.acknowledged_at);
      expect(await worker.beta.environments.work.poll(environment_id)).toBeNull();
    },
  },
  'environments.work.heartbeat': {
    'claims the lease and keeps it': async (world) => {
      const { worker, work: item, environment_id, heartbeat } = await held(world);
      expectShape(heartbeat, HEARTBEAT);
      expect(heartbeat).toMatchObject({ lease_extended: true, state: 'active' });
      expect(heartbeat.ttl_seconds).toBeGreaterThan(0);
      const query = { environment_id, expected_last_heartbeat: heartbeat.last_heartbeat };
      expect(await worker.beta.environments.work.heartbeat(item.id, query)).toMatchObject({ lease_extended: true, state: 'active' });
    },
    'refuses another worker with 412 and the current state': async (world) => {
      const { worker, work: item, environment_id } = await held(world);
      const error = await expectRefused(
        worker.beta.environments.work.heartbeat(item.id, { environment_id, expected_last_heartbeat: '2020-01-01T00:00:00Z' }),
        412,
      );
      const current_state = { lease_extended: false, state: 'active', last_heartbeat: expect.any(String), ttl_seconds: expect.any(Number) };
      expect(error.error).toMatchObject({ error: { details: { error_code: 'heartbeat_precondition_failed', current_state } } });
    },
  },
  'environments.work.stop': {
    'asks the worker to stop, then ends by force': async (world) => {
      const { client, work: item, worker, environment_id, heartbeat } = { ...(await held(world)), client: world.client };
      const stopping = await client.beta.environments.work.stop(item.id, { environment_id });
      expectShape(stopping, WORK);
      expect(stopping.state).toBe('stopping');
      const query = { environment_id, expected_last_heartbeat: heartbeat.last_heartbeat };
      expect(await worker.beta.environments.work.heartbeat(item.id, query)).toMatchObject({ state: 'stopping' });
      expect(await client.beta.environments.work.stop(item.id, { environment_id, force: true })).toMatchObject({ state: 'stopped' });
    },
    'refuses what has stopped with 409': async (world) => {
      const { work: item, worker, environment_id } = await held(world);
      await worker.beta.environments.work.stop(item.id, { environment_id, force: true });
      await expectRefused(worker.beta.environments.work.stop(item.id, { environment_id, force: true }), 409);
    },
  },
  'environments.work.retrieve': {
    'answers the item without its secret': async (world) => {
      const { work: item, environment_id, session } = await polled(world);
      const found = await world.client.beta.environments.work.retrieve(item.id, { environment_id });
      expectShape(found, WORK);
      expect(found).toMatchObject({ id: item.id, secret: null, data: { type: 'session', id: session.id } });
    },
  },
  'environments.work.update': {
    'patches metadata': async (world) => {
      const { work: item, environment_id } = await polled(world);
      await world.client.beta.environments.work.update(item.id, { environment_id, metadata: { a: '1', b: '2' } });
      const updated = await world.client.beta.environments.work.update(item.id, { environment_id, metadata: { a: null, c: '3' } });
      expectShape(updated, WORK);
      expect(updated.metadata).toEqual({ b: '2', c: '3' });
    },
  },
  'environments.work.list': {
    'finds the items of the environment': async (world) => {
      const { work: item, environment_id, worker } = await polled(world);
      await expectListed(worker.beta.environments.work.list(environment_id, { limit: 1 }), [item]);
    },
  },
  'environments.work.stats': {
    'counts what waits': async (world) => {
      const { environment, worker } = await world.selfHosted();
      const empty = await world.client.beta.environments.work.stats(environment.id);
      expectShape(empty, QUEUE);
      expect(empty).toMatchObject({ depth: 0, pending: 0, oldest_queued_at: null });
      const session = await world.session({ environment_id: environment.id, model: 'rehearsal/shell', tools: [{ type: 'agent_toolset_20260401' }] });
      await world.client.beta.sessions.events.send(session.id, { events: world.say('Run it.') });
      await nextWork(worker, environment.id);
      const stats = await world.client.beta.environments.work.stats(environment.id);
      expect(stats.depth + stats.pending).toBeGreaterThan(0);
    },
  },
  'environments.work.poller': {
    'gives each item to the one who asks, acknowledged': async (world) => {
      const { environment_id, key, session } = await withWork(world);
      const poller = world.client.beta.environments.work.poller({ environmentId: environment_id, environmentKey: key });
      for await (const item of poller) {
        expect(item.data).toEqual({ type: 'session', id: session.id });
        expect((await world.client.beta.environments.work.retrieve(item.id, { environment_id })).state).toBe('starting');
        break;
      }
      await expectListed(world.clientWith(key).beta.environments.work.list(environment_id), []);
    },
  },
  'environments.work.worker': {
    "runs the agent's tools where it is started": async (world) => {
      const { environment_id, key, session } = await withWork(world);
      const done = new AbortController();
      const running = world.client.beta.environments.work
        .worker({ environmentId: environment_id, environmentKey: key, workdir: world.folder(), maxIdleMs: 50 })
        .run(done.signal);
      try {
        const log = await world.untilIdle(session.id);
        expect(JSON.stringify(log.find(({ type }) => type === 'user.tool_result'))).toContain('from-the-tool');
        expect(log.findLast(({ type }) => type === 'agent.message')).toMatchObject({
          content: [{ type: 'text', text: expect.stringContaining('from-the-tool') }],
        });
      } finally {
        done.abort();
        await running;
      }
    },
  },
};
