import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL, type TestGateway, startTestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

describe('POST /v1/invoke', () => {
  it('accepts a task in the background, with a session, its input and links', async () => {
    const { status, headers, body } = await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'hello', mode: 'background' });
    expect(status, JSON.stringify(body)).toBe(202);
    expect(headers.get('location')).toBe(body.links.self);
    expect(body).toMatchObject({ type: 'invocation', status: 'queued', output: null, steps: 0, cold_start_ms: null });

    const session = await gateway.request('GET', `/v1/sessions/${body.session_id}`);
    expect(session.body).toMatchObject({ status: 'running', agent: { model: { id: MODEL } } });
    const events = await gateway.request('GET', `/v1/sessions/${body.session_id}/events`);
    expect(events.body.data).toMatchObject([{ type: 'user.message', processed_at: null, content: [{ type: 'text', text: 'hello' }] }]);
  });
});
