import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL, startTestGateway, type TestGateway } from './gateway.fixture.js';
import { openStream } from './sse.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_MAX_BODY_BYTES: '33554432' });
});
afterAll(() => gateway?.stop());

const HEAVY = 'x'.repeat(10_000_000);
/** Bytes of an answer: the budget of a page, and what surrounds it. */
const MOST = 33_000_000;

const newSession = async (): Promise<string> =>
  (await gateway.request('POST', '/v1/invoke', { model: MODEL, input: 'light', mode: 'background' })).body.session_id;

/** All pages of a list: the ids of each, after checking how heavy it is. */
async function pagesOf(path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let page = ''; ; ) {
    const { status, body } = await gateway.request('GET', `${path}${page}`);
    expect(status).toBe(200);
    expect(JSON.stringify(body).length).toBeLessThan(MOST);
    pages.push(body.data.map(({ id }: { id: string }) => id));
    if (body.next_page === null) return pages;
    page = `&page=${body.next_page}`;
  }
}

describe('a list of heavy items', () => {
  it('of events ends a page before it is too heavy, forwards and backwards, and misses none', async () => {
    const id = await newSession();
    const appended = await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
      session.append(Array.from({ length: 4 }, () => ({ type: 'agent.message', body: { content: [{ type: 'text', text: HEAVY }] } }))),
    );
    for (let count = 0; count < 2; count += 1) {
      const content = [
        { type: 'text', text: HEAVY.slice(0, 1_900_000) },
        { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(10_000_000) } },
      ];
      expect((await gateway.request('POST', `/v1/sessions/${id}/events`, { events: [{ type: 'user.message', content }] })).status).toBe(200);
    }
    const forwards = await pagesOf(`/v1/sessions/${id}/events?limit=1000`);
    expect(forwards.flat()).toHaveLength(7);
    expect(forwards.flat().slice(0, 4)).toEqual(appended.map((event) => event.id));
    expect(forwards.length).toBeGreaterThan(1);
    const backwards = await pagesOf(`/v1/sessions/${id}/events?limit=1000&order=desc`);
    expect(backwards.flat()).toEqual(forwards.flat().reverse());
  });

  it('of events is streamed whole', async () => {
    const id = await newSession();
    await gateway.store.locked({ sessionId: id, workspaceId: gateway.workspaceId }, (session) =>
      session.append(Array.from({ length: 4 }, () => ({ type: 'agent.message', body: { content: [{ type: 'text', text: HEAVY }] } }))),
    );
    const stream = await openStream(gateway, `/v1/sessions/${id}/events/stream?after=0`);
    const seen: string[] = [];
    for (let count = 0; count < 4; count += 1) seen.push((await stream.next()).event);
    expect(seen).toEqual(Array.from({ length: 4 }, () => 'agent.message'));
    stream.close();
  });

  it('of agents, their versions and their sessions does the same', async () => {
    const tools = Array.from({ length: 120 }, (_, index) => ({
      type: 'custom',
      name: `tool_${index}`,
      description: 'x'.repeat(16_000),
      input_schema: { type: 'object', description: 'x'.repeat(60_000) },
    }));
    const { body: agent } = await gateway.request('POST', '/v1/agents', { name: 'Heavy', model: MODEL, tools });
    const { body: environment } = await gateway.request('POST', '/v1/environments', { name: 'for heavy agents' });
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      await gateway.request('POST', `/v1/agents/${agent.id}`, { name: `Heavy ${index}` });
      made.unshift((await gateway.request('POST', '/v1/sessions', { agent: agent.id, environment_id: environment.id })).body.id);
      await gateway.request('POST', '/v1/agents', { name: `Heavy too ${index}`, model: MODEL, tools });
    }
    const versions = await pagesOf(`/v1/agents/${agent.id}/versions?limit=100`);
    expect([versions.length > 1, versions.flat().length]).toEqual([true, 6]);
    const agents = await pagesOf('/v1/agents?limit=100');
    expect([agents.length > 1, new Set(agents.flat()).size]).toEqual([true, agents.flat().length]);
    const sessions = await pagesOf(`/v1/sessions?agent_id=${agent.id}&limit=100`);
    expect([sessions.length > 1, sessions.flat()]).toEqual([true, made]);
  });
});
