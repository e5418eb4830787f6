import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { HostNameTaken, takeHostName } from '../../apps/worker/host-name.js';
import type { Db } from '../../infra/postgres/pool.js';
import { createPoolMembers } from '../../infra/postgres/pool-members.repo.js';
import { forgetHosts, type HostReport, liveHosts, type NameHolder, reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
let owner: pg.Client;
beforeAll(async () => {
  fixture = await startStore();
  owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await fixture.stop();
});
beforeEach(async () => {
  await owner.query('delete from sandbox_hosts');
});

const north = (folder: string, place = `place of ${folder}`): HostReport => ({
  ...{ id: 'north', folder, place, taskQueue: 'queue', capacity: 4 },
  ...{ engine: 'docker', runtime: 'runc', isolation: 'container' },
});

/** The host `north`, as workers of this folder say it, at this place; undefined when they may. */
const reportAs = (folder: string, place?: string): Promise<NameHolder | undefined> => reportHost(fixture.pool, north(folder, place));

/** The same by one that has watched whoever has the name. */
const takeAs = (folder: string, place?: string) => reportHost(fixture.pool, { ...north(folder, place), mayTake: true });

/** As a worker of this folder starts. */
const startAs = (folder: string, db: Db = fixture.pool) => takeHostName({ db, report: () => north(folder), home: folder, log: fixture.log });

/** Another folder has the name. */
const ANOTHER = { heardOf: expect.any(Date), sameFolder: false };

const silentFor = (time: string) =>
  owner.query('update sandbox_hosts set seen_at = clock_timestamp() - $1::interval, said_at = clock_timestamp() - $1::interval', [time]);

/** A session whose sandbox is on the host that is called so now. */
async function aSessionOnNorth(state: 'ready' | 'released' = 'ready'): Promise<SessionRef> {
  const ref = await aSession(fixture);
  const sandbox = { generation: 1, name: `sandbox-${ref.sessionId}`, engine: 'docker', runtime: 'runc', isolation: 'container', state, hostId: 'north' };
  await fixture.store.locked(ref, (session) => session.saveSandbox(sandbox));
  return ref;
}

/** The host that a session's row names, where there is one of that name. */
const hostOf = async (ref: SessionRef): Promise<string | undefined> => {
  const sandbox = await fixture.store.locked(ref, (session) => session.findSandbox());
  return sandbox?.host ? (sandbox.hostId ?? undefined) : undefined;
};

it('workers of one folder share its name', async () => {
  expect([await reportAs('a'), await reportAs('a'), await reportAs('a')]).toEqual([undefined, undefined, undefined]);
});

it('a name that another folder has, or a copy of this one, is not given away while that one lives', async () => {
  await reportAs('a');
  const refusals = [ANOTHER, { ...ANOTHER, sameFolder: true }];
  expect([await reportAs('b'), await reportAs('a', 'a copy')]).toEqual(refusals);
  await silentFor('10 seconds');
  expect([await takeAs('b'), await takeAs('a', 'a copy')]).toEqual(refusals);
  expect(await reportAs('a')).toBeUndefined();
});

it('a folder is the same after its machine was started anew, and so are its sessions', async () => {
  await reportAs('a');
  const ref = await aSessionOnNorth();
  await silentFor('16 seconds');
  expect(await takeAs('a', 'after a restart')).toBeUndefined();
  expect(await hostOf(ref)).toBe('north');
});

it('whoever takes a name over from a dead folder gets none of its sessions or its pool, and that folder finds them again if it comes back', async () => {
  await reportAs('a');
  const [running, ended, moved] = [await aSessionOnNorth(), await aSessionOnNorth('released'), await aSessionOnNorth()];
  const members = createPoolMembers(fixture.pool);
  await members.insert({ hostId: 'north', kind: 'a kind', nameOf: (id) => `pool-${id}` });
  await silentFor('16 seconds');
  expect(await takeAs('b')).toBeUndefined();
  expect([await hostOf(running), await hostOf(ended), await members.list('north')]).toEqual([undefined, undefined, []]);
  await fixture.store.locked(moved, async (session) => {
    const before = await session.findSandbox();
    if (before) await session.saveSandbox({ ...before, generation: 2, hostId: 'north' });
  });
  expect(await reportAs('a')).toEqual(ANOTHER);

  await silentFor('16 seconds');
  expect(await takeAs('a')).toBeUndefined();
  expect([await hostOf(running), await hostOf(ended), await hostOf(moved)]).toEqual(['north', 'north', undefined]);
});

it('a name is not given away by what was said long ago: whoever was away with everybody else is not evicted by one that is back first', async () => {
  await reportAs('a');
  await silentFor('1 hour');
  expect([await reportAs('b'), await reportAs('a', 'a copy')]).toEqual([ANOTHER, { ...ANOTHER, sameFolder: true }]);
  const refused = expect(startAs('b')).rejects.toThrow(HostNameTaken);
  await delay(3_000);
  expect(await reportAs('a')).toBeUndefined();
  await refused;
});

it('whoever has a name and says that it can do nothing has it still', async () => {
  await reportAs('a');
  await silentFor('1 hour');
  await reportHost(fixture.pool, { ...north('a'), silentMs: 60_000 });
  expect(await takeAs('b')).toEqual(ANOTHER);
});

it('a name is taken over by who has watched its holder say nothing for fifteen seconds, but for those in which there was no database', async () => {
  await reportAs('a');
  await silentFor('1 hour');
  const begin = performance.now();
  let looks = 0;
  const away: Db = {
    query: ((...parameters: Parameters<Db['query']>) => {
      looks += 1;
      const after = performance.now() - begin;
      return after > 1_500 && after < 9_500 ? Promise.reject(new Error('The database is away.')) : fixture.pool.query(...parameters);
    }) as Db['query'],
  };
  await startAs('b', away);
  const tookMs = performance.now() - begin;
  expect(looks).toBeGreaterThan(15);
  expect(tookMs).toBeGreaterThan(24_000);
  expect(await reportAs('a')).toEqual(ANOTHER);
});

it('a host that was forgotten is known by its folder when its name is heard again', async () => {
  await reportAs('a');
  const ref = await aSessionOnNorth();
  await silentFor('25 hours');
  expect(await forgetHosts(fixture.pool)).toEqual(['north']);
  await reportAs('b');
  expect(await hostOf(ref)).toBeUndefined();
  await silentFor('25 hours');
  await forgetHosts(fixture.pool);
  await reportAs('a');
  expect(await hostOf(ref)).toBe('north');
});

it('nobody is taken for dead by a host that was away itself: who comes back after an outage waits for the others', async () => {
  const say = (id: string) =>
    reportHost(fixture.pool, { id, folder: id, place: id, taskQueue: 'queue', capacity: 4, engine: 'docker', runtime: 'runc', isolation: 'container' });
  const live = async () => (await liveHosts(fixture.pool)).map(({ id }) => id);
  const since = (id: string, time: string) => owner.query('update sandbox_hosts set live_since = clock_timestamp() - $2::interval where id = $1', [id, time]);
  await say('a');
  await say('b');
  for (const id of ['a', 'b']) await since(id, '1 hour');
  await silentFor('16 seconds');
  await say('a');
  expect(await live()).toEqual(['a', 'b']);
  await since('a', '16 seconds');
  expect(await live()).toEqual(['a']);
  await say('b');
  expect(await live()).toEqual(['a', 'b']);
});
