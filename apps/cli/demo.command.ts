import type { Stack } from '../../infra/dev/stack.js';
import { demoModel } from './demo-model.js';
import { goOn } from './go-on.js';
import { type Frame, type Invocation, invokeStreaming } from './invoke-stream.js';
import { narrate } from './narrate.js';
import { say } from './say.js';
import { summary } from './summary.js';
import { untilAborted, withStack } from './with-stack.js';

const SYSTEM = 'You work in a sandbox with a shell; your files are in /workspace. Be brief.';
const TASK =
  'Write a small Python program into /workspace that prints the first ten prime numbers and their mean. Run it, fix what fails, run it again, and report what it printed.';

/** `rondo demo`: a stack, one task, and then a stack until Ctrl-C (or the end, with `once`). */
export const demo = ({ once = false }: { readonly once?: boolean }): Promise<void> =>
  withStack(async (stack, config, signal) => {
    const model = await demoModel(config);
    const { invocation, succeeded } = await runTask(stack, model, signal);
    for (const line of summary(invocation, succeeded)) say(line);
    if (once) {
      say('\nTo go on: npm start, which prints how to call it with curl and with the SDK.');
      process.exitCode = succeeded ? 0 : 1;
      return;
    }
    for (const line of goOn(stack, model)) say(line);
    say('\nRondo serves until Ctrl-C.');
    await untilAborted(signal);
  });

/** It succeeded if the turn was completed and the last thing that ran in the sandbox did not fail. */
async function runTask(stack: Stack, model: string, signal: AbortSignal): Promise<{ invocation: Invocation; succeeded: boolean }> {
  say(`\nPOST ${stack.url}/v1/invoke, model ${model}:`);
  say(`  task    ${TASK}`);
  let lastRun: Frame | undefined;
  const invocation = await invokeStreaming({
    url: stack.url,
    apiKey: stack.apiKey,
    body: { model, system: SYSTEM, tools: [{ type: 'agent_toolset_20260401' }], input: TASK },
    signal,
    onFrame: (frame) => {
      narrate(frame).forEach(say);
      if (frame.type === 'agent.tool_result') lastRun = frame;
    },
  });
  return { invocation, succeeded: invocation.status === 'completed' && lastRun !== undefined && lastRun.is_error !== true };
}
