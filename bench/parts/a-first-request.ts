import { setTimeout as delay } from 'node:timers/promises';
import { type Exchange, expectCompleted, type Invocation } from '../api.js';
import { type Figure, milliseconds, ratio } from '../figures.js';
import type { Part, Run } from '../part.js';
import { SAY } from '../scripts.js';
import type { Stack } from '../stack.js';

const IDLE_SESSIONS = 10;
const WARM_UP = 5;
/** Nobody asks how a turn stands before the measured stretch is surely over: asking costs the gateway time. */
const LEAVE_ALONE_MS = 250;
const GOAL = { atMost: 1.5 };

interface Sample {
  readonly fromAnswerMs: number;
  readonly fromSendingMs: number;
}

/** How long an accepted message takes to become a model request, beside what Temporal alone takes for its least. */
export const firstRequest: Part<Stack> = {
  id: 'a',
  title: 'message accepted → first model request on the wire',
  limitMs: 300_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const count = run.quick ? 10 : 60;
    const idle: string[] = [];
    for (let index = 0; index < IDLE_SESSIONS; index += 1) {
      const { invocation } = await stack.api.invoke(SAY);
      await stack.api.ended(invocation, run);
      idle.push(invocation.session_id);
    }
    const fresh: Sample[] = [];
    const going: Sample[] = [];
    const bare: { toActivityMs: number; toResultMs: number }[] = [];
    for (let index = 0; index < count + WARM_UP; index += 1) {
      await stack.rehearsal.forget();
      const one = await sample(stack, run, (input) => stack.api.invoke(input));
      const least = await stack.temporal.startAndOneActivity();
      const two = await sample(stack, run, (input) => stack.api.goOn(idle[index % IDLE_SESSIONS] ?? '', input));
      if (index < WARM_UP) continue;
      fresh.push(one);
      bare.push(least);
      going.push(two);
    }
    const fromAnswer = (samples: readonly Sample[]) => samples.map(({ fromAnswerMs }) => fromAnswerMs);
    const newSession = milliseconds('new session', fromAnswer(fresh), {
      note: 'from the head of the HTTP answer at the client to the request at the model server; one host clock',
    });
    const idleSession = milliseconds('idle session with an open run', fromAnswer(going));
    const result = milliseconds(
      'Temporal: workflow start + one empty activity',
      bare.map(({ toResultMs }) => toResultMs),
      { note: 'from the start call to the result at the client, interleaved with the above' },
    );
    const reached = milliseconds(
      'Temporal: workflow start → code of the activity runs',
      bare.map(({ toActivityMs }) => toActivityMs),
    );
    return [
      newSession,
      idleSession,
      milliseconds(
        'new session, from the sending of the POST',
        fresh.map(({ fromSendingMs }) => fromSendingMs),
      ),
      milliseconds(
        'idle session, from the sending of the POST',
        going.map(({ fromSendingMs }) => fromSendingMs),
      ),
      result,
      reached,
      ratio('new session : start + one empty activity', newSession.value, result.value, { goal: GOAL }),
      ratio('idle session : start + one empty activity', idleSession.value, result.value, { goal: GOAL }),
      ratio('new session : start → code of the activity (stricter, no goal)', newSession.value, reached.value),
    ];
  },
};

async function sample(stack: Stack, run: Run, post: (input: string) => Promise<Exchange & { readonly invocation: Invocation }>): Promise<Sample> {
  const marker = `message ${crypto.randomUUID()}`;
  const { invocation, sentAt, answeredAt } = await post(`${SAY} ${marker}`);
  await delay(LEAVE_ALONE_MS, undefined, { signal: run.signal });
  expectCompleted(await stack.api.ended(invocation, run));
  const request = await stack.rehearsal.requestWith(marker);
  if (!request) throw new Error('A model request did not reach the model server.');
  return { fromAnswerMs: request.received_at - answeredAt, fromSendingMs: request.received_at - sentAt };
}
