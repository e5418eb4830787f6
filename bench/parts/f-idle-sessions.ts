import { setTimeout as delay } from 'node:timers/promises';
import { expectCompleted } from '../api.js';
import { type Figure, plain } from '../figures.js';
import type { Installation } from '../installation.js';
import type { Part, Run } from '../part.js';
import { type Usage, usageOf } from '../resources.js';
import { SAY } from '../scripts.js';
import type { Stack } from '../stack.js';
import { until } from '../until.js';

const WINDOW_MS = 10_000;
const IDLE_CLOSE_SECONDS = 5;
const AT_ONCE = 8;
const GARBAGE = 'here and below: what playing the sessions left to garbage collectors and caches is still in it; no process has been restarted';

type Names = 'gateway' | 'worker' | 'Temporal' | 'Postgres';

/** Sessions that did something once and are idle: nothing of them may be left but rows. Measured on a Rondo of its own, whose idle runs close soon. */
export const idleSessions: Part<Stack> = {
  id: 'f',
  title: 'idle sessions',
  limitMs: 600_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const count = run.quick ? 50 : 1_000;
    const second = await stack.startSecond('idle', { RONDO_IDLE_CLOSE_SECONDS: String(IDLE_CLOSE_SECONDS) });
    try {
      // One session first, so that what is loaded only once is not counted as a session's cost.
      await playOne(second, run);
      await closed(stack, run, second);
      const before = await window(stack, run, second);
      const bytesBefore = await databaseBytes(stack, second);
      const startedAt = performance.now();
      await playMany(second, run, count);
      const perSecond = (count * 1_000) / (performance.now() - startedAt);
      await closed(stack, run, second);
      const after = await window(stack, run, second);
      const bytes = (await databaseBytes(stack, second)) - bytesBefore;
      const [left] = (
        await second.rows.query<{ sessions: number; running: number; sandboxes: number }>(
          `select count(*)::int as sessions, count(*) filter (where status <> 'idle')::int as running, (select count(*)::int from sandboxes) as sandboxes from sessions`,
        )
      ).rows;
      return [
        plain('sessions of one message played to their end', perSecond, '/s'),
        plain('idle sessions now', (left?.sessions ?? 0) - 1, ''),
        plain('of them running, or with a sandbox', (left?.running ?? 0) + (left?.sandboxes ?? 0), '', { goal: { atMost: 0 } }),
        plain('open workflow runs', await stack.temporal.openRuns(second.taskQueue), '', { goal: { atMost: 0 } }),
        plain('rows in Postgres, per session', bytes / count / 1_000, 'KB', { note: 'growth of the database, indexes included' }),
        ...(['gateway', 'worker', 'Temporal'] as const).flatMap((name) => [
          plain(`${name}: RSS before`, before[name].rssMb, 'MB'),
          plain(`${name}: RSS with all idle`, after[name].rssMb, 'MB', name === 'gateway' ? { note: GARBAGE } : {}),
        ]),
        ...(['gateway', 'worker', 'Temporal', 'Postgres'] as const).flatMap((name) => [
          plain(`${name}: processor in 10 s before`, before[name].cpuMs, 'ms'),
          plain(`${name}: processor in 10 s with all idle`, after[name].cpuMs, 'ms'),
        ]),
      ];
    } finally {
      await second.stop();
    }
  },
};

async function playOne({ api }: Installation, run: Run): Promise<void> {
  const { invocation } = await api.invoke(SAY);
  expectCompleted(await api.ended(invocation, { signal: run.signal, everyMs: 200 }));
}

async function playMany(second: Installation, run: Run, count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await playOne(second, run);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

const closed = (stack: Stack, run: Run, { taskQueue }: Installation): Promise<unknown> =>
  until('the runs of idle sessions to close', async () => (await stack.temporal.openRuns(taskQueue)) === 0, {
    signal: run.signal,
    everyMs: 500,
    limitMs: 120_000,
  });

/** Memory at the end of ten quiet seconds, and the processor time they took. */
async function window(stack: Stack, run: Run, second: Installation): Promise<Record<Names, Usage>> {
  const look = (): Record<Names, Usage> => ({
    gateway: usageOf(second.gateway.pid),
    worker: usageOf(second.workers()[0]?.pid ?? 0),
    Temporal: usageOf(stack.services.temporal.pid ?? 0),
    Postgres: usageOf(stack.services.postgres.pid ?? 0, { children: true }),
  });
  const start = look();
  await delay(WINDOW_MS, undefined, { signal: run.signal });
  const end = look();
  const spent = (name: Names): Usage => ({ rssMb: end[name].rssMb, cpuMs: Math.max(0, end[name].cpuMs - start[name].cpuMs) });
  return { gateway: spent('gateway'), worker: spent('worker'), Temporal: spent('Temporal'), Postgres: spent('Postgres') };
}

async function databaseBytes(stack: Stack, { databaseName }: Installation): Promise<number> {
  const [size] = (await stack.rows.query<{ bytes: number }>('select pg_database_size($1) as bytes', [databaseName])).rows;
  return size?.bytes ?? Number.NaN;
}
