import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL, startTestGateway, type TestGateway } from '../gateway/gateway.fixture.js';

let gateway: TestGateway;
let environmentId: string;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_CREATES_PER_MINUTE: '0', RONDO_REQUESTS_PER_MINUTE: '0' });
  environmentId = (await gateway.sdk().beta.environments.create({ name: 'properties' })).id;
});
afterAll(() => gateway?.stop());

const RUNS = { numRuns: 25 };
const order = fc.constantFrom('asc' as const, 'desc' as const);
/** How many rows are inserted, at once, before each page is read. */
const inserts = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 });

/** An agent of its own for each run, and its sessions: a list that nobody else writes to. */
async function newList() {
  const { agents, sessions } = gateway.sdk().beta;
  const { id: agent_id } = await agents.create({ name: 'listed', model: MODEL });
  const insert = async (count: number) => {
    const made = await Promise.all(Array.from({ length: count }, () => sessions.create({ agent: agent_id, environment_id: environmentId })));
    return made.map(({ id }) => id);
  };
  const page = (query: { limit: number; order: 'asc' | 'desc'; page?: string }) => sessions.list({ agent_id, ...query });
  return { insert, page };
}

describe('the two-way cursor', () => {
  it('neither skips nor doubles a row that was there all the time, whatever is inserted between the pages', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 4 }), order, inserts, async (initial, limit, direction, between) => {
        const list = await newList();
        const there = await list.insert(initial);
        const seen: string[] = [];
        let cursor: string | null = null;
        const waves = between.values();
        do {
          const { data, next_page } = await list.page({ limit, order: direction, ...(cursor ? { page: cursor } : {}) });
          seen.push(...data.map(({ id }) => id));
          cursor = next_page;
          await list.insert(waves.next().value ?? 0);
        } while (cursor);
        expect(new Set(seen).size, 'no row comes twice').toBe(seen.length);
        expect(seen.filter((id) => there.includes(id)).toSorted(), 'every row that was there comes').toEqual(there.toSorted());
        const whole = (await list.page({ limit: 100, order: direction })).data.map(({ id }) => id);
        expect(
          whole.filter((id) => seen.includes(id)),
          'the pages are in the order of the list',
        ).toEqual(seen);
      }),
      RUNS,
    );
  });

  it('leads back to the page it came from, and further back to all the others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 4 }), order, inserts, async (initial, limit, direction, between) => {
        const list = await newList();
        await list.insert(initial);
        const waves = between.values();
        let page = await list.page({ limit, order: direction });
        const visited = [page];
        while (page.next_page) {
          page = await list.page({ limit, order: direction, page: page.next_page });
          visited.push(page);
        }
        for (const before of visited.slice(0, -1).toReversed()) {
          await list.insert(waves.next().value ?? 0);
          page = await list.page({ limit, order: direction, page: page.prev_page ?? '' });
          expect(page.data.map(({ id }) => id)).toEqual(before.data.map(({ id }) => id));
        }
      }),
      RUNS,
    );
  });
});
