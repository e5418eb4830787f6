import * as fs from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type PlannedSandbox, planSandbox } from '../../activities/sandbox/plan-sandbox.js';
import { memberDirectories, memberFolder, memberIdOf } from '../../activities/sandbox/pool-directories.js';
import { workspaceOf } from '../../activities/sandbox/session-directories.js';
import { killSession } from '../../activities/session/kill-session.js';
import { createJanitor } from '../../apps/worker/janitor.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { EngineName } from '../support/sandbox-engines.js';
import { waitFor } from '../support/wait-for.js';
import { aPooledHost, type PooledWorker } from './pool.fixture.js';
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

const aHost = (name: EngineName = 'bubblewrap') => {
  const host = aPooledHost(fixture, name);
  onTestFinished(() => host.dispose());
  return host;
};

const rowOf = (ref: SessionRef) => fixture.store.locked(ref, (session) => session.findSandbox());

async function nameOf(ref: SessionRef): Promise<string> {
  const row = await rowOf(ref);
  if (!row) throw new Error(`Session ${ref.sessionId} has no sandbox.`);
  return row.name;
}

const memberOf = async (ref: SessionRef): Promise<string> => {
  const id = memberIdOf(await nameOf(ref));
  if (id === undefined) throw new Error(`The sandbox of session ${ref.sessionId} is not of the pool.`);
  return id;
};

async function bash({ sandboxes }: PooledWorker, ref: SessionRef, command: string): Promise<string> {
  const { client } = await sandboxes.acquire(ref);
  const outcome = await client.call({ callId: `call_${performance.now().toFixed(3).replace('.', '_')}`, name: 'bash', input: { command }, timeoutMs: 60_000 });
  return outcome.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

const tracesOf = async (ref: SessionRef): Promise<Record<string, unknown>[]> => {
  const { rows } = await owner.query<{ detail: Record<string, unknown> }>(
    `select detail from attempts where session_id = $1 and kind = 'sandbox_start' and outcome = 'ok' order by started_at`,
    [ref.sessionId],
  );
  return rows.map(({ detail }) => detail);
};

const released = async ({ sandboxes }: PooledWorker, ref: SessionRef) => sandboxes.release({ ...ref, epoch: Number.MAX_SAFE_INTEGER });

describe.each(['bubblewrap', 'docker-runc', 'docker-runsc'] as const)('the pool with %s', (engine) => {
  it('gives a session what runs already, with its id, its variables and its workspace', async () => {
    const host = aHost(engine);
    const worker = host.aWorker();
    await worker.pool.tend();
    const [warm] = await worker.pool.names();
    const ref = await aSession(fixture);
    expect(await bash(worker, ref, 'echo kept > file; echo $RONDO_SESSION_ID $GIVEN')).toBe(`${ref.sessionId} late`);
    expect(await nameOf(ref)).toBe(warm);
    expect(fs.readFileSync(join(workspaceOf(host.home, ref.sessionId), 'file'), 'utf8')).toBe('kept\n');
    expect(fs.existsSync(memberFolder(host.home, await memberOf(ref)))).toBe(false);
    expect(await tracesOf(ref)).toMatchObject([{ source: 'pool' }]);
    await worker.pool.tend();
    expect(await worker.pool.names()).toHaveLength(1);
    await released(worker, ref);
    expect(await bash(worker, ref, 'cat file')).toBe('kept');
    expect(await rowOf(ref)).toMatchObject({ generation: 2 });
    expect(await tracesOf(ref)).toMatchObject([{ source: 'pool' }, { source: 'pool' }]);
  });
});

/** The sandbox that one step of planning comes to. */
async function plan({ options }: Pick<PooledWorker, 'options'>, ref: SessionRef, ended?: number): Promise<PlannedSandbox> {
  const planned = await planSandbox(options, ref, { provider: await options.provider(), ended, image: undefined, placement: 'anywhere' });
  if (planned.kind === 'wait') throw new Error(`Session ${ref.sessionId} has to wait.`);
  return planned.sandbox;
}

describe('the pool', () => {
  it('gives one member to one session, whoever asks first; the other gets a new sandbox', async () => {
    const worker = aHost().aWorker();
    await worker.pool.tend();
    const refs = await Promise.all([aSession(fixture), aSession(fixture)]);
    await Promise.all(refs.map((ref) => worker.sandboxes.acquire(ref)));
    const names = await Promise.all(refs.map(nameOf));
    expect(names.filter((name) => memberIdOf(name) !== undefined)).toHaveLength(1);
  });

  it('follows what was asked for, up to its bound, and forgets its wishes in time', async () => {
    const worker = aHost().aWorker({ maximum: 3 });
    const refs = await Promise.all(Array.from({ length: 4 }, () => aSession(fixture)));
    await Promise.all(refs.map((ref) => worker.sandboxes.acquire(ref)));
    await worker.pool.tend();
    expect(await worker.pool.names()).toHaveLength(3);
    await owner.query(`update pool_members set claimed_at = claimed_at - interval '1 hour' where claimed_at is not null`);
    await worker.pool.tend();
    expect(await worker.pool.names()).toHaveLength(1);
    expect(await worker.options.provider().then((provider) => provider.list())).toHaveLength(5);
  });

  it('keeps what an earlier process made, and throws away what is of another build, was never finished, or has ended', async () => {
    const host = aHost();
    const first = host.aWorker();
    await first.pool.tend();
    const [kept] = await first.pool.names();
    const second = host.aWorker();
    await second.pool.tend();
    expect(await second.pool.names()).toEqual([kept]);

    await host.engine.provider.destroy(kept ?? '');
    await second.pool.tend();
    const [replaced] = await second.pool.names();
    expect(replaced).not.toBe(kept);

    await owner.query(
      `insert into pool_members (id, host_id, kind, name, state, created_at) select '01JD0000000000000000000001', host_id, kind, 'rondo-test-pool-01JD0000000000000000000001', 'starting', now() - interval '1 hour' from pool_members where name = $1`,
      [replaced],
    );
    const third = host.aWorker({ build: 'newer' });
    await third.pool.tend();
    expect(await third.pool.names()).toHaveLength(1);
    expect(await third.pool.names()).not.toContain(replaced);
    expect(await host.engine.provider.list()).toEqual(await third.pool.names());
  });
});

describe('a worker that dies over a claim', () => {
  it('after the claim is written leaves a sandbox that the next one binds', async () => {
    const host = aHost();
    const dead = host.aWorker();
    await dead.pool.tend();
    const ref = await aSession(fixture);
    const { name } = await plan(dead, ref);
    const next = host.aWorker();
    expect(await bash(next, ref, 'pwd')).toBe('/workspace');
    expect(await rowOf(ref)).toMatchObject({ generation: 1, name, state: 'ready' });
  });

  it('half-way through the move of a workspace loses nothing, whether the member lives, dies, or is given back', async () => {
    for (const ending of ['lives', 'dies', 'given back'] as const) {
      const host = aHost();
      const dead = host.aWorker();
      const ref = await aSession(fixture);
      await bash(dead, ref, 'mkdir one; echo 1 > one/file; echo 2 > two');
      await released(dead, ref);
      await dead.pool.tend();
      const own = memberDirectories(host.home, await claimedHalfWay(dead, ref));
      fs.renameSync(join(workspaceOf(host.home, ref.sessionId), 'two'), join(own.workspaceDirectory, 'two'));
      if (ending === 'dies') await host.engine.provider.destroy(await nameOf(ref));
      const next = host.aWorker({ minimum: 0 });
      if (ending === 'given back') await released(next, ref);
      expect(await bash(next, ref, 'cat one/file two'), ending).toBe('1\n2');
      expect(await rowOf(ref)).toMatchObject({ generation: ending === 'lives' ? 2 : 3 });
      expect(await host.engine.provider.list()).toEqual([await nameOf(ref)]);
    }
  });

  /** A claim whose first directory was about to be moved; the id of the member. */
  async function claimedHalfWay(worker: PooledWorker, ref: SessionRef): Promise<string> {
    const first = await plan(worker, ref);
    await plan(worker, ref, first.generation);
    await worker.options.workspaces.bring(ref, 2);
    return memberOf(ref);
  }

  it('leaves no directory: those of claims that nobody goes on with are swept, those of others are not', async () => {
    const host = aHost();
    const worker = host.aWorker();
    await worker.pool.tend();
    const ref = await aSession(fixture);
    await plan(worker, ref);
    const claimed = memberFolder(host.home, await memberOf(ref));
    await worker.pool.tend();
    await worker.pool.sweep();
    expect(fs.readdirSync(join(host.home, 'pool'))).toHaveLength(2);
    expect(fs.existsSync(claimed)).toBe(true);
    await owner.query('delete from sandboxes where session_id = $1', [ref.sessionId]);
    await worker.pool.sweep();
    expect(fs.existsSync(claimed)).toBe(false);
    expect(fs.readdirSync(join(host.home, 'pool'))).toHaveLength(1);
  });
});

describe('the janitor', () => {
  it('leaves members of the pool alone, and removes a claimed one with its session', async () => {
    const host = aHost();
    const worker = host.aWorker();
    await worker.pool.tend();
    const ref = await aSession(fixture);
    await worker.sandboxes.acquire(ref);
    await worker.pool.tend();
    const clean = createJanitor({
      pool: fixture.pool,
      host: worker.options.host,
      provider: worker.options.provider,
      sandboxes: worker.sandboxes,
      sandboxPool: worker.pool,
      log: fixture.log,
    });
    await clean();
    await clean();
    expect(await host.engine.provider.list()).toHaveLength(2);
    await fixture.store.locked(ref, killSession);
    await clean();
    expect(await host.engine.provider.list()).toEqual(await worker.pool.names());
  });
});

describe('a burst of first calls', () => {
  it('is let in a few at a time, none fails, and each trace says how many were before it', async () => {
    const worker = aHost().aWorker({ slots: 2 });
    await worker.pool.tend();
    const refs = await Promise.all(Array.from({ length: 20 }, () => aSession(fixture)));
    const gate = Promise.withResolvers<void>();
    const { admission } = worker.options;
    const before = [admission.enter(() => gate.promise), admission.enter(() => gate.promise)];
    const entered = vi.spyOn(admission, 'enter');
    const all = refs.map((ref) => bash(worker, ref, 'echo $RONDO_SESSION_ID'));
    await waitFor('all but the one that finds a sandbox ready to be in line', async () => entered.mock.calls.length === 19);
    gate.resolve();
    await Promise.all(before);
    expect(await Promise.all(all)).toEqual(refs.map(({ sessionId }) => sessionId));
    const details = (await Promise.all(refs.map(tracesOf))).flat();
    const positions = details.map(({ queue_position: position }) => position).filter((position) => position !== undefined);
    expect(details.filter(({ source }) => source === 'pool')).toHaveLength(1);
    expect(positions.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 19 }, (_, index) => index + 1));
  });

  it('a session that waits for longer than a second says in its log how many are before it', async () => {
    const worker = aHost().aWorker({ slots: 1 });
    const ref = await aSession(fixture);
    await owner.query(`update sessions set status = 'running' where id = $1`, [ref.sessionId]);
    const gate = Promise.withResolvers<void>();
    const before = worker.options.admission.enter(() => gate.promise);
    const acquired = worker.sandboxes.acquire(ref);
    const told = () => owner.query<{ body: unknown }>(`select body from events where session_id = $1 and type = 'rondo.sandbox_queued'`, [ref.sessionId]);
    await waitFor('the event', async () => (await told()).rows.length > 0);
    gate.resolve();
    await before;
    await acquired;
    expect((await told()).rows).toEqual([{ body: { position: 1 } }]);
  });
});
