import { expectCompleted } from './api.js';
import { median } from './figures.js';
import type { Run } from './part.js';
import type { Stack } from './stack.js';

/** One step of a turn, in milliseconds: from one model request to the next. */
export interface StepTimes {
  readonly wallMs: number;
  /** From the model request's arrival at the model server to the end of its answer there. */
  readonly modelMs: number;
  /** From the claim of the call to its sealed result, by the trace: the sandbox's share and the transaction of the result. */
  readonly tracedToolMs: number;
}

/** Plays a turn of one-call steps in a session and takes its steps apart. Nothing else may use the model server meanwhile. */
export async function measureSteps(stack: Stack, sessionId: string, play: () => Promise<void>): Promise<StepTimes[]> {
  await stack.rehearsal.forget();
  const [before] = (await stack.rows.query<{ now: Date }>('select clock_timestamp() as now')).rows;
  await play();
  const requests = await stack.rehearsal.requests();
  const { rows: tools } = await stack.rows.query<{ ms: number }>(
    `select extract(epoch from ended_at - started_at)::float8 * 1000 as ms from attempts
     where session_id = $1 and kind = 'tool_call' and started_at > $2 order by started_at`,
    [sessionId, before?.now],
  );
  if (requests.length !== tools.length + 1) throw new Error(`A turn of ${tools.length} calls made ${requests.length} model requests.`);
  return tools.map(({ ms }, step) => {
    const [here, next] = [requests[step], requests[step + 1]];
    if (!here?.ended_at || !next) throw new Error('A model request has no end.');
    return { wallMs: next.received_at - here.received_at, modelMs: here.ended_at - here.received_at, tracedToolMs: ms };
  });
}

/** What is left of each step without model and tool. The tool counts with the smaller of what it took directly and by the trace: whatever else passes there is overhead. */
export function overheadOf(steps: readonly StepTimes[], directMs: readonly number[]): number[] {
  const toolMs = Math.min(median(directMs), median(steps.map(({ tracedToolMs }) => tracedToolMs)));
  return steps.map(({ wallMs, modelMs }) => wallMs - modelMs - toolMs);
}

/** One whole turn through the gateway, to its end. */
export async function playTurn(stack: Stack, run: Run, sessionId: string, input: string): Promise<void> {
  const { invocation } = await stack.api.goOn(sessionId, input);
  expectCompleted(await stack.api.ended(invocation, { signal: run.signal, everyMs: 250, limitMs: 120_000 }));
}
