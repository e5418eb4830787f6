import { nowMs } from '../../apps/rehearsal/recorder.js';
import { expectCompleted } from '../api.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { startCommand } from '../running-command.js';
import { LINGER } from '../scripts.js';
import type { Stack } from '../stack.js';
import { until } from '../until.js';

const GOAL_MS = 10_000;

/** A worker dies in the middle of a tool call that ends a second later; another one is there. How long until the session goes on? */
export const recovery: Part<Stack> = {
  id: 'h',
  title: 'recovery after SIGKILL of a worker in a tool call',
  limitMs: 400_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const toEvent: number[] = [];
    const toEnd: number[] = [];
    await stack.startWorker();
    try {
      for (let round = 0; round < (run.quick ? 2 : 6); round += 1) {
        const invocation = await startCommand(stack, run, LINGER);
        const sessionId = invocation.session_id;
        const feed = await stack.api.follow(sessionId);
        const pid = await until('the call to be known to Temporal', async () => (await stack.temporal.workersBusyWith(sessionId))[0], run);
        const worker = stack.workers().find((one) => one.pid === pid);
        if (!worker) throw new Error(`Process ${pid} works on the session and is no worker of ours.`);
        const killedAt = nowMs();
        await stack.killWorker(worker);
        const next = await feed.first(({ processedAt }) => processedAt !== undefined && processedAt > killedAt, { ...run, limitMs: 3 * GOAL_MS });
        expectCompleted(await stack.api.ended(invocation, run));
        const end = await feed.first(({ type }) => type === 'session.status_idle', run);
        feed.close();
        toEvent.push(next.receivedAt - killedAt);
        toEnd.push(end.receivedAt - killedAt);
        run.log(`the session went on after ${Math.round(next.receivedAt - killedAt)} ms`);
        await stack.api.kill(sessionId);
        await stack.startWorker();
      }
    } finally {
      for (const spare of stack.workers().slice(1)) await stack.killWorker(spare);
    }
    return [
      milliseconds('kill → next event of the session', toEvent, {
        goal: { atMost: GOAL_MS },
        note: 'a second worker runs; the command itself ends a second after the kill',
      }),
      milliseconds('kill → end of the turn', toEnd),
    ];
  },
};
