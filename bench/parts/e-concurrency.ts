import { expectCompleted } from '../api.js';
import { type Figure, plain } from '../figures.js';
import type { Part, Run } from '../part.js';
import { peakMemory, usageOf } from '../resources.js';
import { stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';

const STEPS = 10;
const GOAL_SESSIONS = 20;
const TURN_LIMIT_MS = 240_000;
const PROCESSES = ['worker', 'gateway', 'Temporal', 'Postgres'] as const;

/** Many sessions at once: first each with a sandbox of its own to make, then the same sessions again with their sandboxes running. */
export const concurrency: Part = {
  letter: 'e',
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
    allAtOnce(run, Array.from({ length: count }), async () => {
      const { invocation } = await stack.api.invoke(input);
      ids.push(invocation.session_id);
      expectCompleted(await stack.api.ended(invocation, { signal: run.signal, everyMs: 250, limitMs: TURN_LIMIT_MS }));
    }),
  );
  const cpuBefore = processorTime(stack);
  const again = await peakMemory(pids, () =>
    allAtOnce(run, ids, async (sessionId) => {
      const { invocation } = await stack.api.goOn(sessionId, input);
      expectCompleted(await stack.api.ended(invocation, { signal: run.signal, everyMs: 250, limitMs: TURN_LIMIT_MS }));
    }),
  );
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

async function allAtOnce<Item>(run: Run, items: readonly Item[], work: (item: Item) => Promise<void>): Promise<{ wallMs: number; failures: number }> {
  const startedAt = performance.now();
  const outcomes = await Promise.allSettled(items.map(work));
  const wallMs = performance.now() - startedAt;
  run.signal.throwIfAborted();
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  for (const { reason } of failures.slice(0, 3)) run.log(`failed: ${reason instanceof Error ? reason.message : String(reason)}`);
  return { wallMs, failures: failures.length };
}
