import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

describe('requests as SDKs of any age send them', () => {
  it.each([
    ['with the query key of old SDKs', 'GET', '/v1/agents?beta=true', {}],
    ['with beta headers', 'GET', '/v1/agents', { 'anthropic-beta': 'managed-agents-2026-04-01, something-else-2030-01-01' }],
    ['with any version', 'GET', '/v1/agents', { 'anthropic-version': '2023-06-01' }],
    ['with an Accept that nobody has', 'GET', '/v1/agents', { accept: 'application/x-nothing' }],
    ['with a list in brackets', 'GET', '/v1/sessions?statuses%5B%5D=idle&statuses%5B%5D=running', {}],
    ['with a repeated key', 'GET', '/v1/sessions?statuses=idle&statuses=running', {}],
    ['with one value of a list', 'GET', '/v1/sessions?statuses=idle', {}],
    ['with a range', 'GET', '/v1/sessions?created_at%5Bgte%5D=2026-01-01T00:00:00Z', {}],
  ])('are answered: %s', async (_case, method, path, headers) => {
    const { status, headers: answered, body } = await gateway.request(method, path, undefined, headers);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(answered.get('content-type')).toMatch(/^application\/json/);
    expect(answered.get('request-id')).toMatch(/^req_/);
  });

  it('are answered where an action has no body, no content-type and a length of 0', async () => {
    const { body } = await gateway.request('POST', '/v1/environments', { name: 'to archive' });
    for (const headers of [{}, { 'content-length': '0' }, { 'content-type': 'application/json' }]) {
      expect((await gateway.request('POST', `/v1/environments/${body.id}/archive`, undefined, headers)).status).toBe(200);
    }
  });
});
