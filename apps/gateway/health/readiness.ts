import { z } from 'zod';
import type { Pool } from '../../../infra/postgres/pool.js';
import { readWorkers, type WorkerStatus } from '../../../infra/postgres/worker-status.repo.js';
import type { SessionClient } from '../../../infra/temporal/session-client.js';
import { type IsolationLevel, isolationReaches } from '../../../workflows/contract/isolation.js';

export interface Check {
  readonly state: 'ok' | 'missing';
  readonly detail: string;
  /** Of the sandboxes: each engine that workers use, its isolation, and the promises it does not keep, with the reasons. */
  readonly engines?: readonly EngineReport[];
  /** Of the egress gateways: each host of sandboxes, and how many of them have a way out; null where none answers. */
  readonly hosts?: readonly GatewayReport[];
}

interface GatewayReport {
  readonly host: string;
  readonly sandboxes: number | null;
}

interface EngineReport {
  readonly engine: string | null;
  readonly runtime: string | null;
  readonly isolation: string | null;
  readonly missing: unknown;
}

export type Readiness = {
  readonly status: 'ready' | 'not_ready';
  readonly checks: Readonly<Record<'postgres' | 'temporal' | 'worker' | 'sandbox' | 'egress', Check>>;
};

/** Looks at everything a turn needs, side by side, each within a bounded time. */
export async function checkReadiness(
  pool: Pool,
  client: Pick<SessionClient, 'ping' | 'workerPolling'>,
  minimum: IsolationLevel | undefined,
): Promise<Readiness> {
  const [postgres, temporal, worker, sandbox, egress] = await Promise.all([
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
    check('no egress gateway was reported within 15 s: nothing is open to sandboxes', async () => describeGateways(await readWorkers(pool))),
  ]);
  const needed = { postgres, temporal, worker, sandbox };
  const checks = { ...needed, egress };
  // Without a way out turns run all the same; their programs are told that it is not there.
  const ready = Object.values(needed).every(({ state }) => state === 'ok');
  return { status: ready ? 'ready' : 'not_ready', checks };
}

const CHECK_MS = 3_500;

/** The reason of a failure stays in the log of the part that failed: this page is open to everyone. */
async function check(missing: string, look: () => Promise<string | (Omit<Check, 'state'> & Partial<Pick<Check, 'state'>>) | undefined>): Promise<Check> {
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

/** What workers say of their hosts' gateways; several workers of a host say the same. */
function describeGateways(workers: readonly WorkerStatus[]): Check | undefined {
  const reports = workers.flatMap(({ detail }) => {
    const parsed = GatewayDetail.safeParse(detail['egress']);
    return parsed.success ? [parsed.data] : [];
  });
  if (reports.length === 0) return undefined;
  const hosts = [...new Map(reports.map((report) => [report.host, report])).values()];
  const silent = hosts.filter(({ sandboxes }) => sandboxes === null).map(({ host }) => host);
  if (silent.length === 0) return { state: 'ok', detail: 'answers on every host', hosts };
  return { state: 'missing', detail: `does not answer on ${silent.join(', ')}: nothing is open to the sandboxes there; look at its log, or start it`, hosts };
}

const GatewayDetail = z.object({ host: z.string(), sandboxes: z.int().nullable() });
