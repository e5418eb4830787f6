import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL, startTestGateway, type TestGateway } from '../gateway/gateway.fixture.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ RONDO_CREATES_PER_MINUTE: '0', RONDO_REQUESTS_PER_MINUTE: '0' });
});
afterAll(() => gateway?.stop());

const MOST = 16;
/** Few keys, so that patches meet what is stored; some that objects treat specially. */
const key = fc.constantFrom('a', 'b', 'c', 'ключ', 'constructor', 'prototype', 'toString', 'with space', '0');
const value = fc.oneof(fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }), fc.constant(null), fc.constant(''));
const patches = fc.array(fc.dictionary(key, value, { noNullPrototype: true, maxKeys: 6 }), { minLength: 1, maxLength: 5 });

type Patch = Readonly<Record<string, string | null>>;

/** What a patch means, said as simply as possible. */
function apply(stored: ReadonlyMap<string, string>, patch: Patch, emptyDeletes: boolean): Map<string, string> {
  const next = new Map(stored);
  for (const [name, entry] of Object.entries(patch)) {
    if (entry === null || (emptyDeletes && entry === '')) next.delete(name);
    else next.set(name, entry.replaceAll('\0', '\uFFFD'));
  }
  return next;
}

const RESOURCES = [
  { path: '/v1/agents', body: () => ({ name: 'patched', model: MODEL }), emptyDeletes: false },
  { path: '/v1/environments', body: () => ({ name: crypto.randomUUID() }), emptyDeletes: true },
  { path: '/v1/vaults', body: () => ({ display_name: 'patched' }), emptyDeletes: false },
] as const;

describe.each(RESOURCES)('metadata of $path', ({ path, body, emptyDeletes }) => {
  it('is after any patches what they say one after another', async () => {
    await fc.assert(
      fc.asyncProperty(patches, async (given) => {
        const created = await gateway.request('POST', path, body());
        let expected = new Map<string, string>();
        for (const patch of given) {
          expected = apply(expected, patch, emptyDeletes);
          const { status, body: updated } = await gateway.request('POST', `${path}/${created.body.id}`, { metadata: patch });
          expect(status).toBe(200);
          expect(new Map(Object.entries(updated.metadata))).toEqual(expected);
        }
        const { body: found } = await gateway.request('GET', `${path}/${created.body.id}`);
        expect(new Map(Object.entries(found.metadata))).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it('never grows past its limit, and a patch that would make it so changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: MOST }), fc.integer({ min: 1, max: MOST }), fc.integer({ min: 0, max: 4 }), async (stored, added, removed) => {
        const metadata = Object.fromEntries(Array.from({ length: stored }, (_, index) => [`old-${index}`, 'v']));
        const { body: created } = await gateway.request('POST', path, { ...body(), metadata });
        const taken = Math.min(removed, stored);
        const patch = Object.fromEntries([
          ...Array.from({ length: added }, (_, index) => [`new-${index}`, 'v'] as const),
          ...Array.from({ length: taken }, (_, index) => [`old-${index}`, null] as const),
        ]);
        const { status } = await gateway.request('POST', `${path}/${created.id}`, { metadata: patch });
        const fits = stored + added - taken <= MOST;
        expect(status).toBe(fits ? 200 : 400);
        const { body: found } = await gateway.request('GET', `${path}/${created.id}`);
        expect(found.metadata).toEqual(fits ? Object.fromEntries(apply(new Map(Object.entries(metadata)), patch, emptyDeletes)) : metadata);
      }),
      { numRuns: 15 },
    );
  });
});
