import { demoModel } from './demo-model.js';
import { goOn } from './go-on.js';
import { say } from './say.js';
import { untilAborted, withStack } from './with-stack.js';

/** `rondo start`: a stack until Ctrl-C. */
export const start = (): Promise<void> =>
  withStack(async (stack, config, signal) => {
    say(`\nRondo is ready at ${stack.url}`);
    const model = await demoModel(config).catch((error: Error) => {
      say(`  ! ${error.message}`);
      return 'openai/<model>';
    });
    for (const line of goOn(stack, model)) say(line);
    say('\nCtrl-C ends it.');
    await untilAborted(signal);
  });
