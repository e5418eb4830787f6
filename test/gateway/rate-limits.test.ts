import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { KEY, MODEL, OTHER_KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

afterEach(async () => {
  await gateway?.stop();
});

const start = async (variables: Readonly<Record<string, string>>) => {
  gateway = await startTestGateway(variables);
};
const createAgent = (headers?: Readonly<Record<string, string>>) => gateway.request('POST', '/v1/agents', { name: 'x', model: MODEL }, headers);
const statusesOf = async (count: number, send: () => Promise<{ status: number }>) => {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await send()).status);
  return statuses;
};

describe('the limit of requests that create something', () => {
  it('refuses those above it in the envelope, says when to come back, and leaves reading alone', async () => {
    await start({ RONDO_CREATES_PER_MINUTE: '3' });
    expect(await statusesOf(3, createAgent)).toEqual([200, 200, 200]);
    const refused = await createAgent();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(refused.headers.get('x-should-retry')).toBeNull();
    expect(refused.body).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: expect.stringContaining('RONDO_CREATES_PER_MINUTE') },
      request_id: refused.headers.get('request-id'),
    });
    const [agent] = (await gateway.request('GET', '/v1/agents')).body.data;
    expect((await gateway.request('GET', '/v1/agents')).body.data).toHaveLength(3);
    expect((await gateway.request('POST', `/v1/agents/${agent.id}`, { name: 'y' })).status).toBe(200);
    await expect(new Anthropic({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 }).beta.environments.create({ name: 'x' })).rejects.toBeInstanceOf(
      Anthropic.RateLimitError,
    );
  });

  it('counts each key for itself, and not what has no valid key', async () => {
    await start({ RONDO_CREATES_PER_MINUTE: '1' });
    expect(await statusesOf(2, createAgent)).toEqual([200, 429]);
    expect(await statusesOf(3, () => createAgent({ authorization: 'Bearer nothing-we-know' }))).toEqual([401, 401, 401]);
    expect(await statusesOf(2, () => createAgent({ authorization: `Bearer ${OTHER_KEY}` }))).toEqual([200, 429]);
  });

  it('is no limit when it is 0', async () => {
    await start({ RONDO_CREATES_PER_MINUTE: '0', RONDO_REQUESTS_PER_MINUTE: '0' });
    expect(new Set(await statusesOf(20, createAgent))).toEqual(new Set([200]));
  });
});

describe('the limit of all other requests', () => {
  it('holds for reading, and leaves creating alone', async () => {
    await start({ RONDO_REQUESTS_PER_MINUTE: '2' });
    expect(await statusesOf(3, () => gateway.request('GET', '/v1/agents'))).toEqual([200, 200, 429]);
    expect((await createAgent()).status).toBe(200);
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  });
});

describe('the limit of open streams', () => {
  it('refuses one more, takes it once another is closed, and refuses an invocation before it is accepted', async () => {
    await start({ RONDO_STREAMS_PER_KEY: '2' });
    const { body } = await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'x', mode: 'background' });
    const open = async () => {
      const ended = new AbortController();
      const path = `${gateway.url}/v1/sessions/${body.session_id}/events/stream`;
      const response = await fetch(path, { headers: { authorization: `Bearer ${KEY}` }, signal: ended.signal });
      return { response, ended };
    };
    const [first, second] = [await open(), await open()];
    expect([first.response.status, second.response.status]).toEqual([200, 200]);
    const third = await open();
    expect(third.response.status).toBe(429);
    expect(third.response.headers.get('retry-after')).toBe('5');
    expect(await third.response.json()).toMatchObject({ error: { type: 'rate_limit_error' } });

    const invoked = await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'x', mode: 'stream' });
    expect(invoked.status).toBe(429);
    expect((await gateway.request('GET', '/v1/sessions')).body.data).toHaveLength(1);

    first.ended.abort();
    await expect.poll(async () => (await open()).response.status, { timeout: 30_000 }).toBe(200);
    second.ended.abort();
  });
});
