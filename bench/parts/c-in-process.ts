import { connectDirectly, sandboxNameOf, timedCall } from '../direct-calls.js';
import { type Figure, milliseconds, ratio } from '../figures.js';
import { createInProcessLoop } from '../in-process.js';
import type { Part, Run } from '../part.js';
import { stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';
import { measureSteps, overheadOf, playTurn, type StepTimes } from '../turns.js';

const STEPS = 50;
const DIRECT_CALLS = 20;

/** The same steps without Temporal: what durability costs, and what would be there without it. */
export const inProcess: Part<Stack> = {
  id: 'c',
  title: `the same ${STEPS} steps in one process without Temporal`,
  limitMs: 300_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const { invocation } = await stack.api.invoke(stepsOf('bash', 1));
    await stack.api.ended(invocation, run);
    const durable = invocation.session_id;
    const twin = await stack.api.twinOf(durable);
    const loop = createInProcessLoop(stack);
    const without: StepTimes[] = [];
    const through: StepTimes[] = [];
    const direct: number[] = [];
    try {
      await loop.play(twin, stepsOf('bash', 1), run.signal);
      const client = await connectDirectly(stack.provider, await sandboxNameOf(stack.rows, twin));
      for (let round = 0; round < (run.quick ? 1 : 3); round += 1) {
        without.push(...(await measureSteps(stack, twin, () => loop.play(twin, stepsOf('bash', STEPS), run.signal))));
        through.push(...(await measureSteps(stack, durable, () => playTurn(stack, run, durable, stepsOf('bash', STEPS)))));
        for (let call = 0; call < DIRECT_CALLS; call += 1) direct.push(await timedCall(client, 'bash', { command: `true ${call}` }));
      }
      client.close();
    } finally {
      await loop.close();
      await stack.api.kill(durable);
    }
    const bare = milliseconds('overhead without Temporal', overheadOf(without, direct), {
      note: 'the same state machine, activity functions, transactions and sandbox, called directly; not durable',
    });
    const durableOne = milliseconds('overhead through Temporal, in turns with it', overheadOf(through, direct));
    return [bare, durableOne, ratio('through Temporal : without', durableOne.value, bare.value)];
  },
};
