import Anthropic from '@anthropic-ai/sdk';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../support/wait-for.js';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';
import { asOwner, selfHosted } from './self-hosted.fixture.js';
import { openStream } from './sse.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

/** Holds everybody who reads a table at the same point. */
async function lockTable(name: 'events' | 'work_items') {
  const owner = new pg.Client({ connectionString: gateway.ownerUrl });
  await owner.connect();
  onTestFinished(() => owner.end());
  await owner.query(`begin; lock table ${name} in access exclusive mode`);
  return {
    waitForSomebody: (number: number) =>
      // By another connection: within a transaction the view of the others does not change.
      waitFor(`${number} to wait for the table`, async () => {
        const waiting = await asOwner(gateway, `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
        return waiting.length >= number;
      }),
    release: () => owner.query('commit'),
  };
}

describe('the queue', () => {
  it('has one item for a session however many inputs come, and gives its secret to the poller only', async () => {
    const self = await selfHosted(gateway);
    await self.message('one');
    await self.message('two');
    const polled = await self.poll();
    expect(polled.body).toMatchObject({ type: 'work', state: 'queued', environment_id: self.environmentId, data: { type: 'session', id: self.sessionId } });
    const { sessions_token } = JSON.parse(Buffer.from(polled.body.secret, 'base64url').toString());
    expect(sessions_token).toMatch(/^sk-rondo-req-.{40,}/);
    expect((await self.request('GET', self.work)).body).toEqual({ data: [{ ...polled.body, secret: null }], next_page: null });
    expect((await self.item(polled.body.id)).secret).toBeNull();
    const stored = await asOwner(gateway, 'select token_hash from work_tokens where work_id = $1', [polled.body.id]);
    expect(JSON.stringify(stored)).not.toContain(sessions_token);
  });

  it('answers JSON null when it is empty', async () => {
    const self = await selfHosted(gateway);
    const response = await fetch(`${gateway.url}${self.work}/poll?block_ms=1`, { headers: { authorization: `Bearer ${self.key}` } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe('null');
  });

  it('gives one item to one of many pollers', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const table = await lockTable('work_items');
    const polling = Array.from({ length: 12 }, () => self.poll());
    await table.waitForSomebody(12);
    await table.release();
    const polls = await Promise.all(polling);
    expect(polls.filter(({ body }) => body !== null)).toHaveLength(1);
  });

  it('wakes a waiting poll when work comes', async () => {
    const self = await selfHosted(gateway);
    await self.poll();
    const waiting = self.poll('?block_ms=999');
    await self.message();
    expect((await waiting).body).toMatchObject({ data: { id: self.sessionId } });
  });

  it('offers again what was not acknowledged, and the earlier offer is void', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const first = await self.offer();
    expect((await self.poll()).body).toBeNull();
    const second = await self.offer('?reclaim_older_than_ms=0');
    expect(second.id).toBe(first.id);
    expect(second.token).not.toBe(first.token);
    expect((await self.request('POST', `${self.work}/${first.id}/ack`, undefined, first.token)).status).toBe(409);
    expect((await self.request('POST', `${self.work}/${first.id}/ack`, undefined, second.token)).status).toBe(200);
    expect((await self.beat(first, 'NO_HEARTBEAT')).status).toBe(412);
    expect((await self.beat(second, 'NO_HEARTBEAT')).body).toMatchObject({ state: 'active', lease_extended: true });
  });

  it('says how long it is and who asks', async () => {
    const self = await selfHosted(gateway);
    const other = await self.newSession();
    await self.message();
    await self.message('hello', other);
    await gateway.request('GET', `${self.work}/poll`, undefined, { authorization: `Bearer ${self.key}`, 'anthropic-worker-id': 'one' });
    const stats = (await self.request('GET', `${self.work}/stats`)).body;
    expect(stats).toMatchObject({ type: 'work_queue_stats', depth: 1, pending: 1, workers_polling: 1 });
    expect(Date.parse(stats.oldest_queued_at)).toBeLessThanOrEqual(Date.now());
  });

  it.each(['block_ms=0', 'block_ms=1000', 'block_ms=x', 'reclaim_older_than_ms=-1'])('refuses %s', async (query) => {
    const self = await selfHosted(gateway);
    expect((await self.poll(`?${query}`)).status).toBe(400);
  });

  it('keeps metadata by patches', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const { id } = await self.offer();
    await gateway.request('POST', `${self.work}/${id}`, { metadata: { kept: 'yes', gone: 'soon' } });
    const { body } = await gateway.request('POST', `${self.work}/${id}`, { metadata: { gone: null } });
    expect(body.metadata).toEqual({ kept: 'yes' });
  });
});

describe('a lease', () => {
  it('is claimed once, continued with the exact last heartbeat, and lost with anything else', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const offer = await self.offer();
    expect((await self.request('POST', `${self.work}/${offer.id}/ack`)).body).toMatchObject({ state: 'starting', secret: null });
    expect((await self.request('POST', `${self.work}/${offer.id}/ack`)).body.state).toBe('starting');
    const first = await self.beat(offer, 'NO_HEARTBEAT');
    expect(first.body).toMatchObject({ type: 'work_heartbeat', lease_extended: true, state: 'active', ttl_seconds: 300 });
    const second = await self.beat(offer, first.body.last_heartbeat);
    expect(second.body.last_heartbeat).not.toBe(first.body.last_heartbeat);

    const worker = new Anthropic({ authToken: offer.token, baseURL: gateway.url, maxRetries: 0 });
    const refused = await worker.beta.environments.work
      .heartbeat(offer.id, { environment_id: self.environmentId, expected_last_heartbeat: 'NO_HEARTBEAT' })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Anthropic.PreconditionFailedError);
    expect(refused).toMatchObject({
      status: 412,
      errorCode: 'heartbeat_precondition_failed',
      details: { current_state: { last_heartbeat: second.body.last_heartbeat, lease_extended: false, state: 'active', ttl_seconds: 300 } },
    });
    const wished = await self.request('POST', `${self.work}/${offer.id}/heartbeat?desired_ttl_seconds=60`, undefined, offer.token);
    expect(wished.body.ttl_seconds).toBe(60);
  });

  it('ends gracefully by the next heartbeat, at once by force, and only once', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const worker = await self.take();
    expect((await self.request('POST', `${self.work}/${worker.id}/stop`, {})).body).toMatchObject({ state: 'stopping' });
    expect((await self.beat(worker, 'whatever')).body.state).toBe('stopping');
    expect((await self.stop(worker)).body).toMatchObject({ state: 'stopped', stopped_at: expect.any(String) });
    const again = await self.stop(worker);
    expect(again.status).toBe(409);
    expect(again.headers.get('x-should-retry')).toBe('false');
    expect((await self.beat(worker, 'whatever')).body).toMatchObject({ state: 'stopped', lease_extended: false });
  });

  it('that never beat is stopped at once, as the poller alone does it', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const sdk = new Anthropic({ apiKey: 'unused', baseURL: gateway.url, maxRetries: 0 });
    for await (const work of sdk.beta.environments.work.poller({ environmentId: self.environmentId, environmentKey: self.key, drain: true })) {
      expect(work.data).toEqual({ type: 'session', id: self.sessionId });
      await self.begin();
    }
    const items = (await self.request('GET', self.work)).body.data;
    expect(items.map(({ state }: { state: string }) => state)).toEqual(['stopped']);
  });
});

describe('an input and the end of a worker', () => {
  it('an input that comes first is served by a new item', async () => {
    const self = await selfHosted(gateway);
    await self.message('one');
    const worker = await self.take();
    await self.begin();
    await self.message('two');
    await self.stop(worker);
    const items = (await self.request('GET', self.work)).body.data;
    expect(items.map(({ state }: { state: string }) => state)).toEqual(['queued', 'stopped']);
  });

  it('an input that comes after it is served by a new item, too', async () => {
    const self = await selfHosted(gateway);
    await self.message('one');
    const worker = await self.take();
    await self.begin();
    await self.stop(worker);
    expect((await self.poll()).body).toBeNull();
    await self.message('two');
    expect((await self.poll()).body).toMatchObject({ data: { id: self.sessionId } });
  });

  it('a word of the operator that nothing came of calls no worker', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const worker = await self.take();
    await self.begin();
    const call = await self.call();
    const result = { type: 'user.tool_result', tool_use_id: call, content: [{ type: 'text', text: 'done' }] };
    const word = { type: 'system.message', content: [{ type: 'text', text: 'Be quick.' }] };
    expect((await self.send([result, word])).status).toBe(200);
    await self.send([{ type: 'user.interrupt' }]);
    await self.seal();
    expect((await self.stop(worker)).body.state).toBe('stopped');
    expect((await gateway.request('GET', self.work)).body.data.map(({ state }: { state: string }) => state)).toEqual(['stopped']);
  });

  it('an interrupt alone calls no worker', async () => {
    const self = await selfHosted(gateway);
    await self.send([{ type: 'user.interrupt' }]);
    expect((await self.poll()).body).toBeNull();
  });

  it('a session that ended before anybody took its item leaves the queue', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const { id } = await self.offer();
    await gateway.request('POST', `/v1/sessions/${self.sessionId}/kill`);
    await self.lapse(id);
    expect(await self.item(id)).toMatchObject({ state: 'stopped' });
  });
});

describe('a lost worker', () => {
  it('has its calls answered as unknown, once, before the item is offered again', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const lost = await self.take();
    await self.begin();
    const call = await self.call();
    const { woken } = await self.lapse(lost.id);
    expect(woken).toEqual([self.sessionId]);

    const answers = (await self.events()).filter(({ type }) => type === 'user.tool_result');
    expect(answers).toMatchObject([{ tool_use_id: call, is_error: true, processed_at: null }]);
    expect(answers[0]?.content[0]?.text).toMatch(/worker .* was lost.*unknown/s);
    expect((await self.lapse(lost.id)).woken).toEqual([]);

    expect(await self.item(lost.id)).toMatchObject({ state: 'queued', acknowledged_at: null, latest_heartbeat_at: null });
    expect((await self.beat(lost, lost.heartbeat)).body.error.details).toMatchObject({
      error_code: 'heartbeat_precondition_failed',
      current_state: { state: 'queued', last_heartbeat: null },
    });
    const next = await self.take();
    expect(next.id).toBe(lost.id);
    expect((await self.events(next.token)).filter(({ type }) => type === 'user.tool_result')).toHaveLength(1);
  });

  it('is heard no more: neither its stop nor its result nor its eyes count', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const zombie = await self.take();
    await self.begin();
    const call = await self.call();
    await self.lapse(zombie.id);
    const next = await self.take();
    const late = { events: [{ type: 'user.tool_result', tool_use_id: call, content: [{ type: 'text', text: 'late' }] }] };

    expect((await self.stop(zombie)).status).toBe(409);
    expect((await self.beat(zombie, zombie.heartbeat)).status).toBe(412);
    expect((await self.request('POST', `/v1/sessions/${self.sessionId}/events`, late, zombie.token)).status).toBe(403);
    expect((await self.request('GET', `/v1/sessions/${self.sessionId}/events`, undefined, zombie.token)).status).toBe(403);
    const byKey = await self.request('POST', `/v1/sessions/${self.sessionId}/events`, late);
    expect(byKey).toMatchObject({ status: 200, body: { data: [] } });
    expect(JSON.stringify(await self.events())).not.toContain('late');
    expect(await self.item(zombie.id)).toMatchObject({ state: 'active' });
    expect((await self.beat(next, next.heartbeat)).status).toBe(200);
  });

  it('has its stream ended before it could see the next call', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const zombie = await self.take();
    await self.begin();
    const path = `/v1/sessions/${self.sessionId}/events/stream`;
    const stream = await openStream(gateway, path, { headers: { authorization: `Bearer ${zombie.token}` } });
    const seen = await self.call();
    const before = await stream.until('session.status_idle');
    expect(before.map(({ data }) => data.id)).toContain(seen);
    await self.lapse(zombie.id);
    const unseen = await self.call();
    expect((await stream.rest()).map(({ data }) => data.id)).not.toContain(unseen);
  });

  it('does not see what a request of its own reads after the loss', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const zombie = await self.take();
    const table = await lockTable('events');
    const reading = self.request('GET', `/v1/sessions/${self.sessionId}/events`, undefined, zombie.token);
    await table.waitForSomebody(1);
    await self.lapse(zombie.id);
    await table.release();
    expect(await reading).toMatchObject({ status: 403, body: { error: { message: expect.stringContaining('lease') } } });
  });

  it('has its calls left open for the next worker where the environment wants them run again', async () => {
    const self = await selfHosted(gateway, { on_worker_loss: 'rerun' });
    await self.message();
    const lost = await self.take();
    await self.begin();
    const call = await self.call();
    await self.lapse(lost.id);
    expect((await self.events()).filter(({ type }) => type === 'user.tool_result')).toEqual([]);
    const next = await self.take();
    const result = { events: [{ type: 'user.tool_result', tool_use_id: call, content: [{ type: 'text', text: 'done' }] }] };
    expect((await self.request('POST', `/v1/sessions/${self.sessionId}/events`, result, next.token)).body.data).toHaveLength(1);
  });

  it('was never given a call that waits for a confirmation', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const lost = await self.take();
    await self.begin();
    const call = await self.call('ask');
    await self.lapse(lost.id);
    expect((await self.events()).filter(({ type }) => type === 'user.tool_result')).toEqual([]);
    expect((await self.poll()).body, 'nothing to do until it is confirmed').toBeNull();
    await self.send([{ type: 'user.tool_confirmation', tool_use_id: call, result: 'allow' }]);
    expect((await self.poll()).body).toMatchObject({ data: { id: self.sessionId } });
  });

  it('that stopped without answering is treated alike', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const worker = await self.take();
    await self.begin();
    const call = await self.call();
    await self.stop(worker);
    const answers = (await self.events()).filter(({ type }) => type === 'user.tool_result');
    expect(answers).toMatchObject([{ tool_use_id: call, is_error: true }]);
    expect(await self.item(worker.id)).toMatchObject({ state: 'stopped' });
  });

  it('is known from the trace', async () => {
    const self = await selfHosted(gateway);
    await self.message();
    const lost = await self.take();
    await self.begin();
    await self.call();
    await self.lapse(lost.id);
    const { data } = (await gateway.request('GET', `/v1/sessions/${self.sessionId}/trace`)).body;
    expect(data).toMatchObject([{ kind: 'tool_call', outcome: 'lost' }]);
  });
});
