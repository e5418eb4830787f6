import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY, startTestGateway, type TestGateway } from './gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.stop();
});

const CALLS: readonly [string, (beta: Anthropic['beta']) => PromiseLike<unknown>][] = [
  ['memory stores', (beta) => beta.memoryStores.create({ name: 'x' })],
  ['memories', (beta) => beta.memoryStores.memories.list('memstore_1')],
  ['memory versions', (beta) => beta.memoryStores.memoryVersions.list('memstore_1')],
  ['deployments', (beta) => beta.deployments.pause('depl_1')],
  ['deployment runs', (beta) => beta.deploymentRuns.list()],
  ['dreams', (beta) => beta.dreams.retrieve('drm_1')],
  ['user profiles', (beta) => beta.userProfiles.list()],
  ['tunnels', (beta) => beta.tunnels.retrieve('tnl_1')],
  ['certificates of tunnels', (beta) => beta.tunnels.certificates.list('tnl_1')],
  ['webhooks', (beta) => beta.organization.webhooks.list()],
];

describe('what is not built yet', () => {
  it.each(CALLS)('says so when the SDK asks for %s', async (_case, call) => {
    const client = new Anthropic({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
    const error: unknown = await Promise.resolve(call(client.beta)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ status: 501, message: expect.stringContaining('not built yet'), requestID: expect.stringMatching(/^req_/) });
  });

  it('is asked for once only by a client that repeats failures', async () => {
    let sent = 0;
    const counted: typeof fetch = (...request) => {
      sent += 1;
      return fetch(...request);
    };
    const client = new Anthropic({ apiKey: KEY, baseURL: gateway.url, maxRetries: 2, fetch: counted });
    await expect(client.beta.dreams.list()).rejects.toMatchObject({ status: 501, error: { error: { type: 'api_error' } } });
    expect(sent).toBe(1);
  });

  it('is told to nobody without a key, and is no other path', async () => {
    expect((await gateway.request('GET', '/v1/dreams', undefined, { authorization: '' })).status).toBe(401);
    expect((await gateway.request('GET', '/v1/dreamsx')).status).toBe(404);
    expect((await gateway.request('POST', '/v1/memory_stores/x/memories', 'not json', { 'content-type': 'text/plain' })).status).toBe(501);
  });
});
