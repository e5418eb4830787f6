import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../infra/ids.js';
import { insertResource } from '../../infra/postgres/session-resources.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture.stop());

/** A session with things attached at these paths; answers their keys. */
async function attached(...resources: readonly (readonly ['file' | 'github_repository', string])[]): Promise<{ ref: SessionRef; keys: string[] }> {
  const ref = await aSession(fixture);
  const keys = await transaction(fixture.pool, ref.workspaceId, async (tx) => {
    const inserted = [];
    for (const [type, mountPath] of resources) inserted.push(await insertResource(tx, ref.sessionId, { id: newId('resource'), type, mountPath, body: {} }));
    return inserted.map((resource) => resource?.id ?? '');
  });
  return { ref, keys };
}

const claimAll = (ref: SessionRef, keys: readonly string[], holder: string, { generation = 1, leaseMs = 60_000 } = {}) =>
  fixture.store.locked(ref, (session) => session.claimMounts({ keys, generation, holder, leaseMs }));
const claim = async (ref: SessionRef, key: string, holder: string, options = {}) => (await claimAll(ref, [key], holder, options))[0];
const endAll = (ref: SessionRef, keys: readonly string[], holder: string, state: 'mounting' | 'mounted' | 'failed') =>
  fixture.store.locked(ref, (session) => session.endMounts({ keys, holder, state }));
const end = async (ref: SessionRef, key: string, holder: string, state: 'mounting' | 'mounted' | 'failed') =>
  (await endAll(ref, [key], holder, state)).has(key);
const due = async (ref: SessionRef, generation = 1) => (await fixture.store.dueMounts(ref, generation)).map(({ mountPath }) => mountPath);

it("a mount is one worker's at a time, and nobody's once it is done", async () => {
  const {
    ref,
    keys: [key = ''],
  } = await attached(['file', '/workspace/a']);
  const claims = await Promise.all(['one', 'two', 'three'].map((holder) => claim(ref, key, holder)));
  const [winner] = ['one', 'two', 'three'].filter((_, index) => claims[index] !== undefined);
  expect(claims.filter(Boolean)).toEqual([{ key, attempt: 1, turn: 0, placed: false, doubtful: false }]);
  expect(await end(ref, key, 'somebody else', 'mounted')).toBe(false);
  expect(await end(ref, key, winner ?? '', 'mounted')).toBe(true);
  expect([await due(ref), await claim(ref, key, 'four')]).toEqual([[], undefined]);
});

it('a worker that fell silent loses its mount to another, and can say nothing about it any more', async () => {
  const {
    ref,
    keys: [key = ''],
  } = await attached(['file', '/workspace/a']);
  await claim(ref, key, 'silent', { leaseMs: 0 });
  expect(await claim(ref, key, 'next')).toEqual({ key, attempt: 2, turn: 0, placed: false, doubtful: true });
  expect(await fixture.store.renewMounts(ref, { keys: [key], holder: 'silent', leaseMs: 60_000 })).toBe(false);
  expect(await end(ref, key, 'silent', 'failed')).toBe(false);
  expect(await end(ref, key, 'next', 'mounted')).toBe(true);
});

it('what is given back is taken again at once', async () => {
  const {
    ref,
    keys: [key = ''],
  } = await attached(['file', '/workspace/a']);
  await claim(ref, key, 'one');
  await end(ref, key, 'one', 'mounting');
  expect(await claim(ref, key, 'two')).toMatchObject({ attempt: 2, placed: false, doubtful: true });
  expect(await fixture.store.renewMounts(ref, { keys: [key], holder: 'one', leaseMs: 60_000 })).toBe(false);
});

it('what failed is left alone for the rest of the turn', async () => {
  const {
    ref,
    keys: [key = ''],
  } = await attached(['github_repository', '/workspace/a']);
  await claim(ref, key, 'one');
  await end(ref, key, 'one', 'failed');
  expect([await due(ref), await claim(ref, key, 'two')]).toEqual([[], undefined]);
  await fixture.store.locked(ref, (session) => session.update({ turn: 1 }));
  expect(await due(ref)).toEqual(['/workspace/a']);
  expect(await claim(ref, key, 'two')).toEqual({ key, attempt: 2, turn: 1, placed: false, doubtful: false });
});

it('another sandbox wants everything again', async () => {
  const {
    ref,
    keys: [key = ''],
  } = await attached(['file', '/workspace/a']);
  await claim(ref, key, 'one');
  await end(ref, key, 'one', 'mounted');
  expect(await due(ref, 2)).toEqual(['/workspace/a']);
  expect(await claim(ref, key, 'two', { generation: 2 })).toMatchObject({ placed: true });
});

it('of several claimed together each is its own: what another has is left to it, and what was lost is not spoken for', async () => {
  const { ref, keys } = await attached(['file', '/workspace/a'], ['file', '/workspace/b'], ['file', '/workspace/c']);
  const [a = '', b = '', c = ''] = keys;
  await claim(ref, b, 'another');
  const taken = await claimAll(ref, keys, 'one', { leaseMs: 0 });
  expect(taken.map(({ key }) => key).toSorted()).toEqual([a, c].toSorted());
  expect(await claim(ref, c, 'third')).toMatchObject({ attempt: 2 });
  expect(await fixture.store.renewMounts(ref, { keys: [a, c], holder: 'one', leaseMs: 60_000 })).toBe(false);
  expect(await endAll(ref, [a, c], 'one', 'mounted')).toEqual(new Set([a]));
  expect(await due(ref)).toEqual(['/workspace/b', '/workspace/c']);
});

it('directories come before what lies in them', async () => {
  const { ref } = await attached(
    ['file', '/workspace/a/b/x'],
    ['github_repository', '/workspace/a/b'],
    ['github_repository', '/workspace/a'],
    ['file', '/workspace/y'],
  );
  expect(await due(ref)).toEqual(['/workspace/a', '/workspace/a/b', '/workspace/y', '/workspace/a/b/x']);
});
