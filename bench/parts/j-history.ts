import { setTimeout as delay } from 'node:timers/promises';
import { expectCompleted } from '../api.js';
import { type Figure, plain } from '../figures.js';
import type { Part, Run } from '../part.js';
import { stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';

const SETTLE_MS = 300;
const BYTES_IN_KB = 1_000;

/** What a step leaves in Temporal's history: differences between turns of new sessions, so that what every run has cancels out. */
export const history: Part<Stack> = {
  id: 'j',
  title: 'history events and bytes',
  limitMs: 180_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const sizeOf = (input: string) => historyAfter(stack, run, input);
    const short = await sizeOf(stepsOf('bash', 5));
    const long = await sizeOf(stepsOf('bash', 15));
    const serial = await sizeOf(stepsOf('bash', 5, 3));
    const reads = await sizeOf(stepsOf('read', 5));
    const parallel = await sizeOf(stepsOf('read', 5, 3));
    const per = (more: Size, less: Size, count: number) => ({
      events: (more.events - less.events) / count,
      kb: (more.bytes - less.bytes) / count / BYTES_IN_KB,
    });
    const step = per(long, short, 10);
    const bashCall = per(serial, short, 10);
    const readCall = per(parallel, reads, 10);
    return [
      plain('events per step with one call', step.events, '', { goal: { atMost: 20 } }),
      plain('bytes per step with one call', step.kb, 'KB', { goal: { atMost: 3 } }),
      plain('events per further call, in parallel (read)', readCall.events, '', { goal: { atMost: 5 } }),
      plain('bytes per further call, in parallel (read)', readCall.kb, 'KB', { goal: { atMost: 0.6 } }),
      plain('events per further call, one after another (bash)', bashCall.events, '', { goal: { atMost: 5 } }),
      plain('bytes per further call, one after another (bash)', bashCall.kb, 'KB', { goal: { atMost: 0.6 } }),
      plain('events of a whole session with one turn of 5 steps', short.events, ''),
      plain('bytes of a whole session with one turn of 5 steps', short.bytes / BYTES_IN_KB, 'KB'),
    ];
  },
};

interface Size {
  readonly events: number;
  readonly bytes: number;
}

/** Size of the history once it stays the same: the last workflow task may end after the turn. */
async function historyAfter(stack: Stack, run: Run, input: string): Promise<Size> {
  const { invocation } = await stack.api.invoke(input);
  expectCompleted(await stack.api.ended(invocation, run));
  for (let before: Size | undefined; ; ) {
    const now = await stack.temporal.historyOf(invocation.session_id);
    if (before && before.events === now.events && before.bytes === now.bytes) {
      await stack.api.kill(invocation.session_id);
      return now;
    }
    before = now;
    await delay(SETTLE_MS, undefined, { signal: run.signal });
  }
}
