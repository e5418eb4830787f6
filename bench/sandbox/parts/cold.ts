import { type Figure, milliseconds } from '../../figures.js';
import type { Part, Run } from '../../part.js';
import { giveBack, isFromPool, timeToFirstCommand } from '../first-command.js';
import type { Ground } from '../ground.js';

const GVISOR_P95_MS = 1_000;

/** Engines in turns, so that what else the machine does meets all of them. */
export const cold: Part<Ground> = {
  id: 'cold',
  title: 'from nothing to the first command done',
  limitMs: 240_000,
  async measure(ground: Ground, run: Run): Promise<Figure[]> {
    const samples = new Map(ground.hosts.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < (run.quick ? 3 : 15); round += 1) {
      for (const host of ground.hosts) {
        run.signal.throwIfAborted();
        const ref = await ground.newSession();
        samples.get(host.name)?.push(await timeToFirstCommand(host, ref));
        if (await isFromPool(ground, ref)) throw new Error(`The sandbox of session ${ref.sessionId} was there before.`);
        await giveBack(host, ref);
      }
    }
    return ground.hosts.map(({ name, provider }) =>
      milliseconds('create → first command done, cold', samples.get(name) ?? [], {
        of: name,
        ...(provider.isolation === 'gvisor' ? { goal: { atMost: GVISOR_P95_MS, at: 'p95' } } : {}),
      }),
    );
  },
};
