import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { SAY } from '../scripts.js';
import type { Stack } from '../stack.js';

const WARM_UP = 10;
const GOAL = { atMost: 50 };

/** What it takes to be given a session, from the sending of the request to the head of its answer. */
export const sessionCreate: Part<Stack> = {
  id: 'k',
  title: 'session create',
  limitMs: 60_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const count = run.quick ? 30 : 300;
    const { invocation } = await stack.api.invoke(SAY);
    await stack.api.ended(invocation, run);
    const model = await stack.api.session(invocation.session_id);
    const samples: number[] = [];
    for (let index = 0; index < count + WARM_UP; index += 1) {
      const { sentAt, answeredAt } = await stack.api.createSession(model);
      if (index >= WARM_UP) samples.push(answeredAt - sentAt);
    }
    return [milliseconds('POST /v1/sessions', samples, { goal: GOAL, note: 'one after another, from one client' })];
  },
};
