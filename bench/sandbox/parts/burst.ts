import { type Figure, plain } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { fillPool, giveBack, timeToFirstCommand } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';

const LARGEST = 20;
const SIZES = [1, 5, LARGEST];
const QUICK_SIZES = [1, 5];
const LAST_MS = 3_000;

/** So many sessions that want a sandbox at the same moment: what the pool has, and the rest one after another. */
export const burst: Part<Ground> = {
  id: 'burst',
  title: 'several sessions at once, from the pool and by admission',
  limitMs: 240_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const host of ground.hosts) {
      for (const size of run.quick ? QUICK_SIZES : SIZES) figures.push(...(await measureOne(ground, run, host, size)));
    }
    return figures;
  },
};

async function measureOne(ground: Ground, run: Run, host: Host, size: number): Promise<Figure[]> {
  run.signal.throwIfAborted();
  const refs = await Promise.all(Array.from({ length: size }, () => ground.newSession()));
  await fillPool(host);
  const outcomes = await Promise.allSettled(refs.map((ref) => timeToFirstCommand(host, ref)));
  await Promise.all(refs.map((ref) => giveBack(host, ref)));
  const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  for (const reason of failed) run.log(`${host.name}, ${size} at once: ${reason}`);
  if (done.length === 0) throw new Error(`None of ${size} sessions got a sandbox of ${host.name}: ${failed[0] ?? ''}`);
  const of = host.name;
  const isLargest = size === LARGEST;
  return [
    plain(`${size} at once: first command of the first done`, Math.min(...done), 'ms', { of }),
    plain(`${size} at once: first command of the last done`, Math.max(...done), 'ms', { of, ...(isLargest ? { goal: { atMost: LAST_MS } } : {}) }),
    plain(`${size} at once: failures`, failed.length, '', { of, goal: { atMost: 0 } }),
  ];
}
