import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type HostReport, reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
beforeAll(async () => {
  fixture = await startStore();
});
afterAll(() => fixture.stop());
beforeEach(async () => {
  await fixture.pool.query('delete from sandbox_hosts');
});

const report = (id: string, engine: string | null, silentMs = 0): Promise<unknown> =>
  reportHost(fixture.pool, {
    id,
    silentMs,
    folder: `folder-${id}`,
    place: `place-${id}`,
    taskQueue: `queue-${id}`,
    capacity: 4,
    engine,
    runtime: engine,
    isolation: engine && 'container',
  } satisfies HostReport);

/** What a host is told of the room for a new session, by host. */
async function roomSeenBy(own: string): Promise<Record<string, number>> {
  const places = await fixture.store.locked(await aSession(fixture), (session) => session.placesFor(own));
  return Object.fromEntries(places.map(({ hostId, free }) => [hostId, free]));
}

it('hosts that live have room, whoever asks', async () => {
  await report('a', 'docker');
  await report('b', 'docker');
  expect(await roomSeenBy('a')).toEqual({ a: 4, b: 4 });
  expect(await roomSeenBy('b')).toEqual({ a: 4, b: 4 });
});

it('a host whose engine does not answer has none while another could serve, and goes on alone otherwise', async () => {
  await report('a', null);
  expect(await roomSeenBy('a')).toEqual({ a: 4 });
  await report('b', 'docker');
  expect(await roomSeenBy('a')).toEqual({ a: 0, b: 4 });
  expect(await roomSeenBy('b')).toEqual({ b: 4 });
});

it('nobody is sent to a host that has been silent for some seconds', async () => {
  await report('a', 'docker');
  await report('b', 'docker');
  await fixture.pool.query(`update sandbox_hosts set seen_at = seen_at - interval '6 seconds' where id = 'b'`);
  expect(await roomSeenBy('a')).toEqual({ a: 4 });
});

it('a host that says it could do no work for some seconds counts as silent, and as one that lives once it can again', async () => {
  await report('a', 'docker');
  await report('b', 'docker', 6_000);
  expect(await roomSeenBy('a')).toEqual({ a: 4 });
  await report('b', 'docker');
  expect(await roomSeenBy('a')).toEqual({ a: 4, b: 4 });
});
