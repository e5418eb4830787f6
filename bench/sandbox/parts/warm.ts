import { type Figure, milliseconds } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { fillPool, giveBack, isFromPool, timeToFirstCommand } from '../first-command.js';
import type { Ground } from '../ground.js';
import type { Host } from '../host.js';

const FILES = 20;
const P95_MS = 100;

/** Sandboxes that run already: claimed in Postgres, their directories renamed into place, files and variables bound afterwards. */
export const warm: Part<Ground> = {
  id: 'warm',
  title: 'from the claim of one that runs to the first command done',
  limitMs: 300_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const figures: Figure[] = [];
    const enough = run.quick ? 4 : 20;
    for (const host of ground.hosts) {
      const about = { of: host.name, goal: { atMost: P95_MS, at: 'p95' } } as const;
      figures.push(milliseconds('claim → first command done, warm', await claim(ground, run, host, enough, 0), about));
      figures.push(milliseconds(`the same with ${FILES} files of 4 KB`, await claim(ground, run, host, enough, FILES), about));
    }
    return figures;
  },
};

async function claim(ground: Ground, run: Run, host: Host, enough: number, files: number): Promise<number[]> {
  const samples: number[] = [];
  while (samples.length < enough) {
    await fillPool(host);
    for (let left = host.poolMaximum; left > 0 && samples.length < enough; left -= 1) {
      run.signal.throwIfAborted();
      const ref = await ground.newSession(files);
      samples.push(await timeToFirstCommand(host, ref));
      if (!(await isFromPool(ground, ref))) throw new Error(`The sandbox of session ${ref.sessionId} was not of the pool.`);
      await giveBack(host, ref);
    }
  }
  return samples;
}
