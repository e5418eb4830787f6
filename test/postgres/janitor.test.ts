import * as fs from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planSandbox } from '../../activities/sandbox/plan-sandbox.js';
import { directoriesOf, workspaceOf } from '../../activities/sandbox/session-directories.js';
import { killSession } from '../../activities/session/kill-session.js';
import { hostDirectories } from '../../activities/workspace/host-directories.js';
import { createJanitor } from '../../apps/worker/janitor.js';
import { removeLeftovers } from '../../apps/worker/leftovers.js';
import { createWorkspaceCleaner } from '../../apps/worker/workspace-cleaner.js';
import { reserveBlob } from '../../infra/postgres/blobs.repo.js';
import { reportHost } from '../../infra/postgres/sandbox-hosts.repo.js';
import { transaction } from '../../infra/postgres/transaction.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { aSandboxEngine } from '../support/sandbox-engines.js';
import { aPooledHost, type PooledHost, type PooledWorker } from './pool.fixture.js';
import { aSession, type StoreFixture, startStore } from './session.fixture.js';

let fixture: StoreFixture;
let owner: pg.Client;
let host: PooledHost;
let worker: PooledWorker;

beforeAll(async () => {
  fixture = await startStore();
  owner = new pg.Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  host = aPooledHost(fixture, 'docker-runc');
  worker = host.aWorker();
  await live('far');
  await live('near');
});
afterAll(async () => {
  await host.dispose();
  await owner.end();
  await fixture.stop();
});

const live = (id: string) =>
  reportHost(fixture.pool, {
    id,
    folder: `folder-${id}`,
    place: `place-${id}`,
    taskQueue: `${id}-queue`,
    capacity: 10,
    engine: 'docker',
    runtime: 'runc',
    isolation: 'container',
  });

/** Rounds of a janitor that has no patience, so that nothing but proof holds it back. */
async function rounds(count = 3): Promise<void> {
  const clean = createJanitor({
    pool: fixture.pool,
    host: worker.options.host,
    provider: worker.options.provider,
    sandboxes: worker.sandboxes,
    sandboxPool: worker.pool,
    log: fixture.log,
    graceMs: 0,
  });
  for (let round = 0; round < count; round += 1) await clean();
}

/** The session's last sandbox, as another host has it. */
const movedTo = (ref: SessionRef, hostId: string, generation: number, state: 'ready' | 'released' = 'ready') =>
  fixture.store.locked(ref, (session) =>
    session.saveSandbox({ generation, name: `far-${ref.sessionId}-g${generation}`, engine: 'docker', runtime: 'runc', isolation: 'container', state, hostId }),
  );

async function aPlannedSandbox(ref: SessionRef) {
  const planned = await planSandbox(worker.options, ref, {
    provider: await worker.options.provider(),
    ended: undefined,
    image: undefined,
    placement: 'anywhere',
  });
  if (planned.kind !== 'use') throw new Error(`planning came to ${planned.kind}`);
  return planned.sandbox;
}

const rowOf = (ref: SessionRef) => fixture.store.locked(ref, (session) => session.findSandbox());
const isThere = async (name: string) => (await host.engine.provider.list()).includes(name);

async function create(name: string, ref: SessionRef, generation: number): Promise<void> {
  const { memoryBytes, cpus, processes, diskBytes } = worker.options;
  await host.engine.provider.create({ name, ...directoriesOf(host.home, ref.sessionId, generation), memoryBytes, cpus, processes, diskBytes });
}

describe('the janitor leaves alone', () => {
  it('a sandbox that is just being started, and one that was just claimed from the pool', async () => {
    const starting = await aSession(fixture);
    const { name, generation } = await aPlannedSandbox(starting);
    await create(name, starting, generation);
    await rounds();
    expect(await isThere(name)).toBe(true);

    await worker.pool.tend();
    const claiming = await aSession(fixture);
    const claimed = await aPlannedSandbox(claiming);
    expect(claimed.name).toMatch(/-pool-/);
    await rounds();
    expect(await isThere(claimed.name)).toBe(true);
    expect(await worker.sandboxes.acquire(claiming)).toMatchObject({ generation: 1 });
  });

  it('what another installation has on the same engine', async () => {
    const foreign = aSandboxEngine('docker-runc');
    try {
      const ref = await aSession(fixture);
      const { memoryBytes, cpus, processes, diskBytes } = worker.options;
      const name = `rondo-foreign-${ref.sessionId}-g1`;
      await foreign.provider.create({ name, ...directoriesOf(foreign.directory, ref.sessionId, 1), memoryBytes, cpus, processes, diskBytes });
      await rounds();
      expect(await foreign.provider.isRunning(name)).toBe(true);
    } finally {
      await foreign.dispose();
    }
  });

  it('the row of an ended session whose sandbox another host has, as long as that host lives', async () => {
    const ref = await aSession(fixture);
    await movedTo(ref, 'far', 1);
    await fixture.store.locked(ref, killSession);
    await rounds(1);
    expect(await rowOf(ref)).toMatchObject({ state: 'ready' });
    await owner.query(`update sandbox_hosts set seen_at = now() - interval '1 minute' where id = 'far'`);
    // By whom others are known to be dead.
    await owner.query(`update sandbox_hosts set seen_at = clock_timestamp(), live_since = now() - interval '1 minute' where id = 'near'`);
    await rounds(1);
    expect(await rowOf(ref)).toMatchObject({ state: 'released' });
    await live('far');
  });
});

describe('the janitor removes', () => {
  it('at once what a row proves to have ended: the sandbox of a session that went on on another host', async () => {
    const ref = await aSession(fixture);
    const { name, generation } = await aPlannedSandbox(ref);
    await create(name, ref, generation);
    await movedTo(ref, 'far', generation + 1);
    await rounds(1);
    expect(await isThere(name)).toBe(false);
  });
});

describe('the janitor goes on', () => {
  it('behind a sandbox that cannot be removed', async () => {
    const [stuck, other] = [await aSession(fixture), await aSession(fixture)];
    const { name } = await aPlannedSandbox(stuck);
    await aPlannedSandbox(other);
    for (const ref of [stuck, other]) await fixture.store.locked(ref, killSession);
    const { provider } = host.engine;
    await createJanitor({
      pool: fixture.pool,
      host: worker.options.host,
      provider: async () => ({ ...provider, destroy: async (one) => (one === name ? Promise.reject(new Error('still in use')) : provider.destroy(one)) }),
      sandboxes: worker.sandboxes,
      sandboxPool: worker.pool,
      log: fixture.log,
    })();
    expect([await rowOf(stuck), await rowOf(other)]).toMatchObject([{ state: 'starting' }, { state: 'released' }]);
    await rounds(1);
    expect(await rowOf(stuck)).toMatchObject({ state: 'released' });
  });
});

describe("a host's directories", () => {
  const clean = () =>
    createWorkspaceCleaner({
      pool: fixture.pool,
      host: worker.options.host,
      sandboxes: worker.sandboxes,
      workspaces: worker.options.workspaces,
      home: host.home,
      idleMs: 600_000,
      log: fixture.log,
    })();

  async function aWorkspace(ref: Pick<SessionRef, 'sessionId'>, usedBy: number): Promise<string> {
    const directory = workspaceOf(host.home, ref.sessionId);
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(join(directory, 'file'), 'content');
    await hostDirectories(host.home, ref.sessionId).writeMark({ holds: [''], usedBy });
    return directory;
  }

  const keptElsewhere = (ref: SessionRef, generation: number) =>
    transaction(fixture.pool, ref.workspaceId, (tx) => reserveBlob(tx)).then((blobKey) =>
      fixture.store.locked(ref, (session) =>
        session.saveCheckpoint({ generation, blobKey, packs: [], files: 0, bytes: 0, storedBytes: 0, skipped: [], skippedCount: 0 }),
      ),
    );

  it('of a sandbox whose start never ended wait no longer than its session does: the place on the host is free again', async () => {
    const ref = await aSession(fixture);
    await aPlannedSandbox(ref);
    await clean();
    expect(await rowOf(ref)).toMatchObject({ state: 'starting' });
    await owner.query(`update sandboxes set updated_at = now() - interval '1 hour' where session_id = $1`, [ref.sessionId]);
    await clean();
    expect(await rowOf(ref)).toMatchObject({ state: 'released' });
  });

  it('stay while they could be wanted, whoever has the session; they go when another host has kept what came after', async () => {
    const ref = await aSession(fixture);
    const directory = await aWorkspace(ref, 1);
    await movedTo(ref, 'far', 2);
    await clean();
    expect(fs.existsSync(directory)).toBe(true);
    await keptElsewhere(ref, 2);
    await clean();
    expect(fs.existsSync(directory)).toBe(false);
  });

  it('of sessions that the database does not know stay, with everything that their sandboxes had', async () => {
    const unknown = { sessionId: 'sesn_00000000000000000000000000' };
    const directory = await aWorkspace(unknown, 1);
    const { journalDirectory, egressDirectory } = directoriesOf(host.home, unknown.sessionId, 1);
    for (const folder of [journalDirectory, egressDirectory]) fs.mkdirSync(folder, { recursive: true });
    await clean();
    await removeLeftovers({
      pool: fixture.pool,
      host: worker.options.host,
      home: host.home,
      wayOut: { close: async () => undefined },
    });
    expect([directory, journalDirectory, egressDirectory].map((folder) => fs.existsSync(folder))).toEqual([true, true, true]);
  });

  it('of sandboxes that have ended go, and their ways out are closed; those of the one that lives stay', async () => {
    const ref = await aSession(fixture);
    await worker.sandboxes.acquire(ref);
    await worker.sandboxes.release({ ...ref, epoch: 0 });
    const closed: number[] = [];
    const wayOut = { close: async (sessionId: string, generation: number) => void (sessionId === ref.sessionId && closed.push(generation)) };
    const first = directoriesOf(host.home, ref.sessionId, 1);
    fs.mkdirSync(first.egressDirectory, { recursive: true });
    const remove = () => removeLeftovers({ pool: fixture.pool, host: worker.options.host, home: host.home, wayOut });
    await remove();
    expect(closed).toEqual([1]);
    expect([fs.existsSync(first.journalDirectory), fs.existsSync(first.egressDirectory)]).toEqual([false, false]);
    await worker.sandboxes.acquire(ref);
    const second = directoriesOf(host.home, ref.sessionId, 2);
    fs.mkdirSync(second.egressDirectory, { recursive: true });
    await remove();
    expect([fs.existsSync(second.journalDirectory), fs.existsSync(second.egressDirectory), closed.length]).toEqual([true, true, 1]);
  });
});
