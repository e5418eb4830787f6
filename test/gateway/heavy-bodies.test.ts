import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY, MODEL, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MAX_BODY_BYTES: '33554432' });
});
afterAll(() => gateway.stop());

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${gateway.url}${path}`, { method: 'POST', body, headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers } });
const input = (value: unknown) => JSON.stringify({ model: MODEL, mode: 'background', input: value });

describe('a body that is heavier than it looks', () => {
  it.each([
    ['a million empty lists', `{"a":[${'[],'.repeat(1_000_000)}[]]}`, 413],
    ['a million keys', `{${Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":1`).join(',')}}`, 413],
    ['a million levels', '['.repeat(1_000_000), 400],
  ])('(%s) is refused before it is parsed', async (_, body, status) => {
    const response = await post('/v1/invoke', body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: 'error' });
  });

  it('packed is refused without unpacking', async () => {
    const response = await post('/v1/invoke', new Uint8Array(gzipSync(input('hello'))), { 'content-encoding': 'gzip' });
    expect(response.status).toBe(415);
  });

  it('does not count what stands inside of a text', async () => {
    expect((await post('/v1/invoke', input('[{,"'.repeat(100_000)))).status).toBe(202);
  });

  it('with one text without end, or data that is no base64, is named', async () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAA!' } };
    for (const value of [[{ type: 'text', text: 'x'.repeat(2_000_001) }], [image]]) {
      const response = await post('/v1/invoke', input(value));
      expect(response.status).toBe(400);
      expect(JSON.stringify(await response.json())).toMatch(/input/);
    }
  });

  it('of a stranger is not read at all', async () => {
    expect((await post('/healthz', '['.repeat(1_000_000))).status).toBe(404);
  });
});
