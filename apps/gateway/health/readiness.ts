import type { Pool } from '../../../infra/postgres/pool.js';
import { readWorkers } from '../../../infra/postgres/worker-status.repo.js';
import type { SessionClient } from '../../../infra/temporal/session-client.js';

export interface Check {
  readonly state: 'ok' | 'missing';
  readonly detail: string;
}

export type Readiness = { readonly status: 'ready' | 'not_ready'; readonly checks: Readonly<Record<'postgres' | 'temporal' | 'worker' | 'sandbox', Check>> };

/** Looks at everything a turn needs, side by side, each within a bounded time. */
export async function checkReadiness(pool: Pool, client: Pick<SessionClient, 'ping' | 'workerPolling'>): Promise<Readiness> {
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
    check('no worker with a sandbox engine reported within 15 s; start one, or run npm run doctor', async () => {
      const engines = (await readWorkers(pool)).filter(({ engine }) => engine !== null);
      const described = engines.map(({ engine, runtime, isolation }) => `${engine}${runtime ? ` with ${runtime}` : ''}, isolation: ${isolation ?? 'unknown'}`);
      return described.length > 0 ? [...new Set(described)].join('; ') : undefined;
    }),
  ]);
  const checks = { postgres, temporal, worker, sandbox };
  const ready = Object.values(checks).every(({ state }) => state === 'ok');
  return { status: ready ? 'ready' : 'not_ready', checks };
}

const CHECK_MS = 3_500;

/** The reason of a failure stays in the log of the part that failed: this page is open to everyone. */
async function check(missing: string, look: () => Promise<string | undefined>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CHECK_MS);
  });
  const detail = await Promise.race([look().catch(() => undefined), late]);
  clearTimeout(timer);
  return detail === undefined ? { state: 'missing', detail: missing } : { state: 'ok', detail };
}
