import { nowMs } from '../../apps/rehearsal/recorder.js';
import { sandboxNameOf } from '../direct-calls.js';
import { type Figure, milliseconds } from '../figures.js';
import type { Part, Run } from '../part.js';
import { startCommand } from '../running-command.js';
import { HANG, SPEAK } from '../scripts.js';
import type { Stack } from '../stack.js';
import { until } from '../until.js';

const INTERRUPT_GOAL = { atMost: 500 };
const KILL_GOAL = { atMost: 2_000 };
const INTERRUPT = { type: 'user.interrupt' };

/** How fast a person's stop is obeyed: while the model speaks, and while a command runs. */
export const stopping: Part<Stack> = {
  id: 'i',
  title: 'interrupt and kill',
  limitMs: 400_000,
  async measure(stack: Stack, run: Run): Promise<Figure[]> {
    const speaking: number[] = [];
    const running: number[] = [];
    const connection: number[] = [];
    const sandbox: number[] = [];
    for (let round = 0; round < (run.quick ? 3 : 12); round += 1) {
      speaking.push(await interruptSpeech(stack, run));
      connection.push(await killSpeech(stack, run));
      const command = await stopCommand(stack, run);
      running.push(command.interruptMs);
      sandbox.push(command.killMs);
    }
    return [
      milliseconds('interrupt while the model speaks: POST answered → session.status_idle received', speaking, { goal: INTERRUPT_GOAL }),
      milliseconds('interrupt while a command runs: POST answered → session.status_idle received', running, { goal: INTERRUPT_GOAL }),
      milliseconds('kill while the model speaks: POST answered → connection closed at the model server', connection, { goal: KILL_GOAL }),
      milliseconds('kill while a command runs: POST answered → sandbox gone', sandbox, { goal: KILL_GOAL }),
    ];
  },
};

/** A session whose model is in the middle of its answer. */
async function startSpeech(stack: Stack, run: Run) {
  const marker = `message ${crypto.randomUUID()}`;
  const { invocation } = await stack.api.invoke(`${SPEAK} ${marker}`);
  await until('the model to speak', () => stack.rehearsal.requestWith(marker), run);
  return { sessionId: invocation.session_id, marker };
}

async function interruptSpeech(stack: Stack, run: Run): Promise<number> {
  const { sessionId } = await startSpeech(stack, run);
  const interruptMs = await interrupt(stack, run, sessionId);
  await stack.api.kill(sessionId);
  return interruptMs;
}

async function interrupt(stack: Stack, run: Run, sessionId: string): Promise<number> {
  const feed = await stack.api.follow(sessionId);
  try {
    const { answeredAt } = await stack.api.send(sessionId, INTERRUPT);
    const idle = await feed.first(({ type }) => type === 'session.status_idle', run);
    return idle.receivedAt - answeredAt;
  } finally {
    feed.close();
  }
}

async function killSpeech(stack: Stack, run: Run): Promise<number> {
  const { sessionId, marker } = await startSpeech(stack, run);
  const { answeredAt } = await stack.api.kill(sessionId);
  const request = await until(
    'the model connection to close',
    async () => {
      const seen = await stack.rehearsal.requestWith(marker);
      return seen?.ended_at ? seen : undefined;
    },
    run,
  );
  if (request.end !== 'closed_early') throw new Error(`The model's answer ended as ${request.end}, not by the kill.`);
  return (request.ended_at ?? Number.NaN) - answeredAt;
}

/** Interrupts a command, and kills the session of another. */
async function stopCommand(stack: Stack, run: Run): Promise<{ interruptMs: number; killMs: number }> {
  const first = await startCommand(stack, run, HANG);
  const interruptMs = await interrupt(stack, run, first.session_id);
  await stack.api.kill(first.session_id);
  const second = await startCommand(stack, run, HANG);
  const name = await sandboxNameOf(stack.rows, second.session_id);
  const { answeredAt } = await stack.api.kill(second.session_id);
  await until('the sandbox to be gone', async () => !(await stack.provider.isRunning(name)), run);
  return { interruptMs, killMs: nowMs() - answeredAt };
}
