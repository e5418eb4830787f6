import type { Pool } from '../../../infra/postgres/pool.js';
import { readWorkers, type WorkerStatus } from '../../../infra/postgres/worker-status.repo.js';
import type { SessionClient } from '../../../infra/temporal/session-client.js';
import { type IsolationLevel, isolationReaches } from '../../../workflows/contract/isolation.js';

export interface Check {
  readonly state: 'ok' | 'missing';
  readonly detail: string;
  /** Of the sandboxes: each engine that workers use, its isolation, and the promises it does not keep, with the reasons. */
  readonly engines?: readonly EngineReport[];
}

interface EngineReport {
  readonly engine: string | null;
  readonly runtime: string | null;
  readonly isolation: string | null;
  readonly missing: unknown;
}

export type Readiness = { readonly status: 'ready' | 'not_ready'; readonly checks: Readonly<Record<'postgres' | 'temporal' | 'worker' | 'sandbox', Check>> };

/** Looks at everything a turn needs, side by side, each within a bounded time. */
export async function checkReadiness(
  pool: Pool,
  client: Pick<SessionClient, 'ping' | 'workerPolling'>,
  minimum: IsolationLevel | undefined,
): Promise<Readiness> {
  const [postgres, temporal, worker, sandbox] = await Promise.all([
    check('the database does not answer', async () => {
      await pool.query('select 1');
      return 'answers';
    }),
    check('Temporal does not answer', async () => {
      await client.ping();
      return 'answers';
    }),
    check('no worker asks for work; start one', async () => ((await client.workerPolling()) ? 'a worker asks for work' : undefined)),
    check(sandboxMissing(minimum), async () => {
      const engines = (await readWorkers(pool)).filter(({ engine, isolation }) => engine !== null && (!minimum || isolationReaches(isolation, minimum)));
      return engines.length > 0 ? { detail: [...new Set(engines.map(describeEngine))].join('; '), engines: distinctEngines(engines) } : undefined;
    }),
  ]);
  const checks = { postgres, temporal, worker, sandbox };
  const ready = Object.values(checks).every(({ state }) => state === 'ok');
  return { status: ready ? 'ready' : 'not_ready', checks };
}

const CHECK_MS = 3_500;

/** The reason of a failure stays in the log of the part that failed: this page is open to everyone. */
async function check(missing: string, look: () => Promise<string | Omit<Check, 'state'> | undefined>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CHECK_MS);
  });
  const found = await Promise.race([look().catch(() => undefined), late]);
  clearTimeout(timer);
  if (found === undefined) return { state: 'missing', detail: missing };
  return { state: 'ok', ...(typeof found === 'string' ? { detail: found } : found) };
}

const sandboxMissing = (minimum: IsolationLevel | undefined): string =>
  minimum === undefined
    ? 'no worker with a sandbox engine reported within 15 s; start one, or run npm run doctor'
    : `no worker with a sandbox engine of isolation ${minimum} or stronger (RONDO_MIN_ISOLATION) reported within 15 s; run npm run doctor`;

const describeEngine = ({ engine, runtime, isolation }: WorkerStatus): string =>
  `${engine}${runtime ? ` with ${runtime}` : ''}, isolation: ${isolation ?? 'unknown'}`;

/** Workers on the same ground say the same. */
function distinctEngines(workers: readonly WorkerStatus[]): EngineReport[] {
  const reports = workers.map(({ engine, runtime, isolation, detail }) => ({ engine, runtime, isolation, missing: detail['missing'] ?? {} }));
  return [...new Map(reports.map((report) => [JSON.stringify(report), report])).values()];
}
