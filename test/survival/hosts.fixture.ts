import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Platform } from '../support/platform.js';
import type { Program } from '../support/program.js';
import { sandboxProviders } from '../support/sandbox-providers.js';
import { type Invocation, invoke, sql, waitForInvocation } from '../support/sessions.js';
import { waitFor } from '../support/wait-for.js';

/** One more machine, as far as Rondo can tell: a data folder and a name of its own, and whatever processes serve it. */
export interface TestHost {
  readonly id: string;
  readonly home: string;
  readonly workers: Program[];
  startWorker(extra?: Readonly<Record<string, string>>): Promise<Program>;
  /** Names of the sandboxes that its engine has, without those in which it is only tried whether it works, again and again where it may not be used. */
  sandboxes(): Promise<string[]>;
  /** They end as they do when they are replaced. */
  stopWorkers(): Promise<void>;
  /** Its power is cut: every worker, then every sandbox. */
  die(): Promise<void>;
  dispose(): Promise<void>;
}

/** Blobs are shared by all hosts, as a bucket is. */
const sharedBlobs = (platform: Pick<Platform, 'home'>) => ({ RONDO_BLOBS_PATH: join(platform.home, 'blobs') });

export function aHost(platform: Platform, id: string, environment: Readonly<Record<string, string>> = {}): TestHost {
  const home = mkdtempSync(join(tmpdir(), `rondo-host-${id}-`));
  const workers: Program[] = [];
  const providers = () => sandboxProviders(home);
  /** The platform has nothing to end any more. */
  const endAll = async (end: (worker: Program) => Promise<void>) => {
    for (const worker of workers.splice(0)) {
      await end(worker);
      platform.workers.splice(platform.workers.indexOf(worker), 1);
    }
  };
  const destroyAll = async () => {
    for (const provider of providers()) {
      for (const name of await provider.list()) await provider.destroy(name);
      await provider.close();
    }
  };
  return {
    id,
    home,
    workers,
    async startWorker(extra = {}) {
      const worker = await platform.startWorker({
        RONDO_HOME: home,
        RONDO_HOST_ID: id,
        RONDO_SANDBOX: 'bubblewrap',
        RONDO_SANDBOX_RUNTIME: 'auto',
        ...sharedBlobs(platform),
        ...environment,
        ...extra,
      });
      workers.push(worker);
      return worker;
    },
    async sandboxes() {
      const names = [];
      for (const provider of providers()) {
        names.push(...(await provider.list()));
        await provider.close();
      }
      return names.filter((name) => !name.startsWith('rondo-probe-'));
    },
    stopWorkers: () => endAll((worker) => worker.stop()),
    async die() {
      await endAll((worker) => worker.kill());
      await destroyAll();
    },
    async dispose() {
      for (const worker of workers) worker.thaw();
      await Promise.all(workers.map((worker) => worker.kill()));
      await destroyAll();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The host that has a session's sandbox, as its row says. */
export async function hostOf(platform: Platform, sessionId: string): Promise<string | undefined> {
  const rows = await sql<{ host_id: string }>(platform, 'select host_id from sandboxes where session_id = $1', [sessionId]);
  return rows[0]?.host_id;
}

/** Waits are for the test to say: both are known to live, with an engine. */
export const liveHosts = (platform: Platform): Promise<{ id: string }[]> =>
  sql<{ id: string }>(platform, 'select id from sandbox_hosts where engine is not null and host_is_live(seen_at) order by id');

export const generationOf = async (platform: Platform, sessionId: string): Promise<number | undefined> => {
  const rows = await sql<{ generation: number }>(platform, 'select generation from sandboxes where session_id = $1', [sessionId]);
  return rows[0]?.generation;
};

/** The name of a session's sandbox on a host, if its engine has one. */
export const sandboxOf = async (host: TestHost, sessionId: string): Promise<string | undefined> =>
  (await host.sandboxes()).find((name) => name.includes(sessionId));

/** The model runs what its user says, in one command, and answers the result. */
export const SHELL = {
  shell: { rules: [{ match: '^(.+)$', replies: [{ tool_calls: [{ name: 'bash', input: { command: '{{1}}' } }] }, { text: '{{last_result}}' }] }] },
};

/** Begins a turn that runs a command, of a new session or one to go on with. */
export const start = (platform: Platform, command: string, sessionId?: string): Promise<Invocation> =>
  invoke(platform, { input: command, ...(sessionId === undefined ? { model: 'rehearsal/shell' } : { session_id: sessionId }) });

/** Such a turn, to its end. */
export const turn = async (platform: Platform, command: string, sessionId?: string): Promise<Invocation> =>
  waitForInvocation(platform, (await start(platform, command, sessionId)).id, undefined, 90_000);

/** Everything that a copy could get wrong. */
export const FILL =
  'mkdir -p kept/empty && printf "one\\n" > kept/file && chmod 640 kept/file && ln -s file kept/link && head -c 300000 /dev/urandom > kept/bytes && chmod 2751 kept/empty && find kept -exec touch -h -d "2001-02-03 04:05:06.789" {} +';
/** What tells such a copy from the original. */
export const LOOK = 'find kept -exec stat -c "%N %a %F %.3Y" {} + | sort; sha256sum kept/file kept/bytes';

/** The sandbox of a session has ended, and what it left is kept. */
export const waitForKept = (platform: Platform, sessionId: string): Promise<unknown> =>
  waitFor(`the workspace of ${sessionId} to be kept`, async () => {
    const rows = await sql(
      platform,
      `select 1 from checkpoints c join sandboxes b using (session_id) where session_id = $1 and b.state = 'released' and c.generation = b.generation`,
      [sessionId],
    );
    return rows.length > 0;
  });

export const traceOf = (platform: Platform, sessionId: string, kind: string) =>
  sql<{ outcome: string; detail: Record<string, unknown> }>(
    platform,
    'select outcome, detail from attempts where session_id = $1 and kind = $2 order by started_at',
    [sessionId, kind],
  );
