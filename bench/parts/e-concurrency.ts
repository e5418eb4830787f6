import type { Invocation } from '../api.js';
import { type Figure, plain } from '../figures.js';
import type { Part, Run } from '../part.js';
import { peakMemory, usageOf } from '../resources.js';
import { stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';
import { until } from '../until.js';

const STEPS = 10;
const GOAL_SESSIONS = 20;
const TURN_LIMIT_MS = 240_000;
const PROCESSES = ['worker', 'gateway', 'Temporal', 'Postgres'] as const;

/** Many sessions at once: first each with a sandbox of its own to make, then the same sessions again with their sandboxes running. */
export const concurrency: Part<Stack> = {
  id: 'e',
  title: `concurrent sessions of ${STEPS} steps (tool: bash \`true\`)`,
  limitMs: 900_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const sessions of run.quick ? [1, GOAL_SESSIONS] : [1, GOAL_SESSIONS, 100]) {
      run.log(`${sessions} at once`);
      figures.push(...(await measureMany(stack, run, sessions)));
    }
    return figures;
  },
};

async function measureMany(stack: Stack, run: Run, count: number): Promise<Figure[]> {
  const pids = [stack.gateway.pid, ...stack.workers().map(({ pid }) => pid)];
  const input = stepsOf('bash', STEPS);
  const ids: string[] = [];
  const first = await peakMemory(pids, () =>
    allAtOnce(stack, run, Array.from({ length: count }), async () => {
      const { invocation } = await stack.api.invoke(input);
      ids.push(invocation.session_id);
      return invocation;
    }),
  );
  const cpuBefore = processorTime(stack);
  const again = await peakMemory(pids, () => allAtOnce(stack, run, ids, async (id) => (await stack.api.goOn(id, input)).invocation));
  const cpuAfter = processorTime(stack);
  for (const id of ids) await stack.api.kill(id);
  const label = (text: string) => `${count} at once: ${text}`;
  const perSecond = (wallMs: number) => (count * STEPS * 1_000) / wallMs;
  const rateGoal = count === GOAL_SESSIONS ? { goal: { atLeast: 12 } } : {};
  const memory = (peaks: readonly number[]) => peaks.reduce((sum, peak) => sum + peak, 0);
  return [
    plain(label('wall, sandboxes to be made'), first.result.wallMs, 'ms'),
    plain(label('steps/s, sandboxes to be made'), perSecond(first.result.wallMs), '/s', rateGoal),
    plain(label('wall, sandboxes running'), again.result.wallMs, 'ms'),
    plain(label('steps/s, sandboxes running'), perSecond(again.result.wallMs), '/s', rateGoal),
    plain(label('turns that failed'), first.result.failures + again.result.failures, '', { goal: { atMost: 0 } }),
    ...PROCESSES.map((name) => plain(label(`processor per step, sandboxes running: ${name}`), (cpuAfter[name] - cpuBefore[name]) / (count * STEPS), 'ms')),
    plain(label('gateway + worker, highest RSS'), Math.max(memory(first.peakMb), memory(again.peakMb)), 'MB'),
  ];
}

/** Processor time since each began, in milliseconds: unlike wall time, it does not grow when others use the machine. */
const processorTime = (stack: Stack): Record<(typeof PROCESSES)[number], number> => ({
  worker: usageOf(stack.workers()[0]?.pid ?? 0).cpuMs,
  gateway: usageOf(stack.gateway.pid).cpuMs,
  Temporal: usageOf(stack.services.temporal.pid ?? 0).cpuMs,
  Postgres: usageOf(stack.services.postgres.pid ?? 0, { children: true }).cpuMs,
});

/** Starts every turn at once and waits for all. One look at the rows for all of them: a hundred clients that ask would be a load of their own. */
async function allAtOnce<Item>(
  stack: Stack,
  run: Run,
  items: readonly Item[],
  start: (item: Item) => Promise<Invocation>,
): Promise<{ wallMs: number; failures: number }> {
  const startedAt = performance.now();
  const turns = await Promise.allSettled(items.map(start));
  const accepted = turns.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value.id] : []));
  const statuses = await until(
    'all turns to end',
    async () => {
      const { rows } = await stack.rows.query<{ status: string }>('select status from invocations where id = any($1) and ended_at is not null', [accepted]);
      return rows.length === accepted.length ? rows.map(({ status }) => status) : undefined;
    },
    { signal: run.signal, everyMs: 100, limitMs: TURN_LIMIT_MS },
  );
  const wallMs = performance.now() - startedAt;
  for (const turn of turns) if (turn.status === 'rejected') run.log(`refused: ${String(turn.reason)}`);
  const completed = statuses.filter((status) => status === 'completed').length;
  return { wallMs, failures: items.length - completed };
}
