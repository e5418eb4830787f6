import { connectDirectly, sandboxNameOf, timedCall } from '../direct-calls.js';
import { type Figure, milliseconds, ratio } from '../figures.js';
import type { Part, Run } from '../part.js';
import { stepsOf } from '../scripts.js';
import type { Stack } from '../stack.js';
import { measureSteps, overheadOf, playTurn, type StepTimes } from '../turns.js';

const STEPS = 50;
const DIRECT_CALLS = 20;
/** About what an activity of the loop takes here. */
const REAL_ACTIVITY_MS = 25;

/** What a step costs beside model and tool, and beside what two activities that do nothing cost on the same server. */
export const stepOverhead: Part<Stack> = {
  id: 'b',
  title: `overhead per step, over turns of ${STEPS} steps (tool: bash \`true\`)`,
  limitMs: 300_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const { invocation } = await stack.api.invoke(stepsOf('bash', 1));
    await stack.api.ended(invocation, run);
    const sessionId = invocation.session_id;
    const client = await connectDirectly(stack.provider, await sandboxNameOf(stack.rows, sessionId));
    const steps: StepTimes[] = [];
    const pairs: number[] = [];
    const longPairs: number[] = [];
    const direct: number[] = [];
    try {
      for (let round = 0; round < (run.quick ? 1 : 3); round += 1) {
        steps.push(...(await measureSteps(stack, sessionId, () => playTurn(stack, run, sessionId, stepsOf('bash', STEPS)))));
        pairs.push(...(await stack.temporal.pairsOfActivities(STEPS, 0)));
        longPairs.push(...(await stack.temporal.pairsOfActivities(STEPS, REAL_ACTIVITY_MS)));
        for (let call = 0; call < DIRECT_CALLS; call += 1) direct.push(await timedCall(client, 'bash', { command: `true ${call}` }));
      }
    } finally {
      client.close();
      await stack.api.kill(sessionId);
    }
    const overhead = milliseconds('overhead: wall − model − tool', overheadOf(steps, direct), {
      note: "wall: model request to next model request; model: request to end of answer at the model server; tool: the median of the same call made directly to the same sandbox (or by the trace, where that is less), so that all of Rondo's own work counts as overhead",
    });
    const traced = milliseconds(
      "overhead with the tool's time from the trace",
      steps.map(({ wallMs, modelMs, tracedToolMs }) => wallMs - modelMs - tracedToolMs),
      {
        note: "the trace's row of a call opens in the transaction of its claim and closes in that of its result, so two commits and a queue for a connection count as tool time here",
      },
    );
    const least = milliseconds('Temporal: two empty activities in sequence', pairs, {
      note: 'in turns with the above, on the same server; an activity that ends at once is often slowed down by some 30 ms, because the next workflow task comes before the worker asks for one again',
    });
    const longer = milliseconds(`Temporal: two activities of ${REAL_ACTIVITY_MS} ms, less those ${2 * REAL_ACTIVITY_MS} ms`, longPairs, {
      note: 'as long as real ones, so without that wait: the stricter comparison',
    });
    return [
      milliseconds(
        'wall',
        steps.map(({ wallMs }) => wallMs),
      ),
      milliseconds(
        'model',
        steps.map(({ modelMs }) => modelMs),
      ),
      milliseconds('tool, called directly', direct),
      milliseconds(
        'tool, by the trace',
        steps.map(({ tracedToolMs }) => tracedToolMs),
      ),
      overhead,
      traced,
      least,
      longer,
      ratio('overhead : two empty activities', overhead.value, least.value, { goal: { atMost: 1.5 } }),
      ratio(`overhead : two activities of ${REAL_ACTIVITY_MS} ms (stricter, no goal)`, overhead.value, longer.value),
    ];
  },
};
