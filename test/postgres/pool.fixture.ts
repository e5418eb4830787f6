import { join } from 'node:path';
import { createAdmission } from '../../activities/sandbox/admission.js';
import { createDiskGuard } from '../../activities/sandbox/disk-guard.js';
import { createPool } from '../../activities/sandbox/pool.js';
import { createSandboxes } from '../../activities/sandbox/sandboxes.js';
import { createPoolMembers } from '../../infra/postgres/pool-members.repo.js';
import { aSandboxEngine, type EngineName, type TestEngine } from '../support/sandbox-engines.js';
import type { StoreFixture } from './session.fixture.js';
import { aHostOf } from './workspaces.fixture.js';

export interface PooledHost {
  readonly engine: TestEngine;
  readonly home: string;
  readonly hostId: string;
  aWorker(options?: { readonly minimum?: number; readonly maximum?: number; readonly build?: string; readonly slots?: number }): PooledWorker;
  dispose(): Promise<void>;
}

export type PooledWorker = ReturnType<typeof makeWorker>;

/** One host with an engine, on which workers with a pool can be started. */
export function aPooledHost(fixture: StoreFixture, name: EngineName): PooledHost {
  const engine = aSandboxEngine(name);
  const home = join(engine.directory, 'home');
  const workers: PooledWorker[] = [];
  return {
    engine,
    home,
    hostId: engine.directory,
    aWorker(options = {}) {
      const worker = makeWorker(fixture, engine, home, options);
      workers.push(worker);
      return worker;
    },
    async dispose() {
      for (const { pool, sandboxes } of workers) {
        await pool.close();
        await sandboxes.close();
      }
      await engine.dispose();
    },
  };
}

function makeWorker(
  fixture: StoreFixture,
  engine: TestEngine,
  home: string,
  { minimum = 1, maximum = 4, build = 'now', slots = 2 }: Parameters<PooledHost['aWorker']>[0] & object,
) {
  const making = {
    installation: 'test',
    host: { id: engine.directory, taskQueue: 'test-host' },
    room: { patienceMs: 10_000, giveBack: async () => undefined },
    stopElsewhere: async () => undefined,
    home,
    memoryBytes: 256 * 1024 * 1024,
    cpus: 1,
    processes: 64,
    diskBytes: 256 * 1024 * 1024,
    provider: async () => engine.again(),
    admission: createAdmission(slots),
  };
  const pool = createPool({ ...making, members: createPoolMembers(fixture.pool), hostId: engine.directory, build, minimum, maximum });
  const options = {
    ...making,
    pool,
    store: fixture.store,
    workspaces: aHostOf(fixture, home),
    prepare: async () => undefined,
    environment: async () => ({ GIVEN: 'late' }),
    wayOut: { open: async () => undefined, close: async () => undefined },
    disk: createDiskGuard({ limitBytes: making.diskBytes, home: engine.directory, onError: () => undefined }),
  };
  return { pool, options, sandboxes: createSandboxes(options) };
}
