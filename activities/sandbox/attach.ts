import { setTimeout as delay } from 'node:timers/promises';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxProvider } from './sandbox.port.js';
import { connectSupervisor, type SupervisorClient } from './supervisor.client.js';

const HELLO_TIMEOUT_MS = 15_000;
/** A supervisor that was up once says hello in milliseconds; one that was killed is back within a second. */
const READY_HELLO_TIMEOUT_MS = 5_000;
const READY_SILENCE_MS = 10_000;
const RETRY_MS = 250;

/** A client of a supervisor that may still be starting, or nothing when its sandbox is gone. */
export const attachStarting = async (provider: SandboxProvider, name: string): Promise<SupervisorClient | undefined> => {
  const attempt = await tryAttach(provider, name, HELLO_TIMEOUT_MS);
  if (attempt.kind === 'failed') throw attempt.error;
  return attempt.client;
};

/**
 * A client of a supervisor that was up before, or nothing when its sandbox is gone or does not answer: what runs inside
 * can stop the supervisor. Counted in attempts too, for a worker that was frozen itself. Errors are the engine's.
 */
export async function attachReady(provider: SandboxProvider, name: string): Promise<SupervisorClient | undefined> {
  const begin = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    const attempt = await tryAttach(provider, name, READY_HELLO_TIMEOUT_MS);
    if (attempt.kind === 'ended') return attempt.client;
    if (attempts >= 2 && performance.now() - begin >= READY_SILENCE_MS) return undefined;
    await delay(RETRY_MS);
  }
}

type Attempt = { readonly kind: 'ended'; readonly client: SupervisorClient | undefined } | { readonly kind: 'failed'; readonly error: RondoError };

/** `failed`: the engine says that the sandbox runs, but there is no talking to it. */
async function tryAttach(provider: SandboxProvider, name: string, helloTimeoutMs: number): Promise<Attempt> {
  try {
    const channel = await provider.attach(name, AbortSignal.timeout(helloTimeoutMs));
    return { kind: 'ended', client: await connectSupervisor(channel, { sandbox: name, helloTimeoutMs }) };
  } catch (error) {
    if (error instanceof RondoError && error.code === 'sandbox.gone') return { kind: 'ended', client: undefined };
    if (!(await provider.isRunning(name))) return { kind: 'ended', client: undefined };
    const silent = () => new RondoError('sandbox.failed', `Sandbox ${name} did not answer within ${helloTimeoutMs} ms.`, { cause: error });
    return { kind: 'failed', error: error instanceof RondoError ? error : silent() };
  }
}
