import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { planSandbox } from '../../activities/sandbox/plan-sandbox.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';
import { type HostReport, reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import { claimWorkspaceRequests, insertWorkspaceRequest } from '../../infra/postgres/workspace-requests.repo.js';
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

/** A session for which a caller of the API wants a file. */
async function aRequest(onHost?: string): Promise<string> {
  const ref = await aSession(fixture);
  const sandbox = { generation: 1, name: `sandbox-${ref.sessionId}`, engine: 'docker', runtime: 'runc', isolation: 'container', state: 'ready' } as const;
  if (onHost !== undefined) await fixture.store.locked(ref, (session) => session.saveSandbox({ ...sandbox, hostId: onHost }));
  const id = `a request for ${ref.sessionId}`;
  await transaction(fixture.pool, ref.workspaceId, (tx) => insertWorkspaceRequest(tx, { id, sessionId: ref.sessionId, kind: 'read', path: 'a.txt' }));
  return id;
}

const claimedBy = async (hostId: string, place = `place-${hostId}`): Promise<string[]> =>
  (await claimWorkspaceRequests(fixture.pool, { hostId, place, holder: `holder on ${hostId}`, leaseMs: 60_000, most: 10 })).map(({ id }) => id);

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

it('requests that any host could do are left to one that can, while there is one; what a host alone has is always its own', async () => {
  await report('bare', null);
  await report('able', 'docker');
  const [anybody, own] = [await aRequest(), await aRequest('bare')];
  expect(await claimedBy('bare')).toEqual([own]);
  expect(await claimedBy('able')).toEqual([anybody]);

  await report('away', 'docker', 6_000);
  const second = await aRequest();
  expect([await claimedBy('away'), await claimedBy('able')]).toEqual([[], [second]]);

  await fixture.pool.query(`delete from sandbox_hosts where id = 'able'`);
  const third = await aRequest();
  expect(await claimedBy('bare')).toEqual([third]);
});

it('a worker whose name another folder took while it stood still neither makes a sandbox nor takes a request under it', async () => {
  await report('a', 'docker');
  const request = await aRequest();
  expect(await claimedBy('a', 'where it was')).toEqual([]);
  expect(await claimedBy('a')).toEqual([request]);

  const provider = { engine: 'docker', runtime: 'runc', isolation: 'container' } as SandboxProvider;
  const claimedOf: string[] = [];
  const pool = {
    kindOf: () => {
      claimedOf.push('a member');
      return 'a kind';
    },
    take: () => undefined,
  };
  const planAt = async (place: string) => {
    const ref = await aSession(fixture);
    const host = { id: 'a', taskQueue: 'queue-a', place };
    return planSandbox({ store: fixture.store, host, installation: 'test', pool }, ref, { provider, ended: undefined, image: undefined, placement: 'here' });
  };
  expect(await planAt('where it was')).toMatchObject({ kind: 'wait', for: 'host' });
  expect(claimedOf).toEqual([]);
  expect(await planAt('place-a')).toMatchObject({ kind: 'use', sandbox: { hostId: 'a' } });
});
