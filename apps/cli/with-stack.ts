import { possibleProviders } from '../../activities/sandbox/select-provider.js';
import type { Environment } from '../../infra/config/config.js';
import { type Config, loadConfig, loadConfigOrExit } from '../../infra/config/config.js';
import { sandboxSettings } from '../../infra/config/sandbox-settings.js';
import { type Stack, startStack } from '../../infra/dev/stack.js';
import { say } from './say.js';

/** Ended by a signal, as shells count it. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type EndSignal = keyof typeof SIGNAL_CODES;

/** npm passes a Ctrl-C on that the terminal has sent to us already: the same signal again within this time is no second wish. */
const ECHO_MS = 1_500;

/**
 * Starts a stack, runs `work` with it, and ends it again: when the work is done, failed, or a signal comes. `signal` aborts at the
 * first signal; a second one does not wait for the orderly end.
 */
export async function withStack(work: (stack: Stack, config: Config, signal: AbortSignal) => Promise<void>): Promise<void> {
  const config = loadConfigOrExit();
  const interrupted = new AbortController();
  let firstAt = 0;
  const onSignal = (name: EndSignal): void => {
    if (interrupted.signal.aborted) {
      if (performance.now() - firstAt < ECHO_MS) return;
      say('Not waiting for the orderly end: what still runs is ended by the next start.');
      process.exit(SIGNAL_CODES[name]);
    }
    firstAt = performance.now();
    say('\nStopping …');
    interrupted.abort(new Error(`ended by ${name}`));
  };
  for (const name of Object.keys(SIGNAL_CODES) as EndSignal[]) process.on(name, onSignal);

  say('Starting Rondo');
  try {
    const stack = await startStack({ config, log: (line) => say(`  · ${line}`), signal: interrupted.signal, endSandboxes });
    try {
      await work(stack, config, interrupted.signal);
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  }
  if (interrupted.signal.aborted) say('Stopped. Sessions and their workspaces are kept.');
}

/** Resolves when the signal aborts. */
export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/**
 * Every engine is asked, whether it works or not: sandboxes may be left on one that the settings no longer prefer.
 */
async function endSandboxes(environment: Environment): Promise<void> {
  for (const provider of possibleProviders(sandboxSettings(loadConfig(environment)))) {
    const names = await provider.list().catch(() => []);
    await Promise.all(names.map((name) => provider.destroy(name)));
    await provider.close();
  }
}
