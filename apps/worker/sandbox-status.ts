import { missingOf } from '../../activities/sandbox/capabilities.js';
import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';

/** The engine a worker would use and what it does not keep, or why there is none. */
export async function describeSandbox(find: () => Promise<SandboxProvider>) {
  try {
    const provider = await find();
    const { engine, runtime, isolation } = provider;
    // It was chosen once; whether it answers is asked each time, so that nobody is sent to a host whose engine has died.
    await provider.list();
    return { engine, runtime, isolation, detail: { missing: missingOf(await provider.capabilities()) } };
  } catch (error) {
    return { engine: null, runtime: null, isolation: null, detail: { problem: error instanceof Error ? error.message : String(error) } };
  }
}
