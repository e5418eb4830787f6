import type { SandboxProvider } from '../../activities/sandbox/sandbox.port.js';

/** The engine a worker would use, or why there is none. */
export async function describeSandbox(provider: () => Promise<SandboxProvider>) {
  try {
    const { engine, runtime, isolation } = await provider();
    return { engine, runtime, isolation };
  } catch (error) {
    return { engine: null, runtime: null, isolation: null, detail: { problem: error instanceof Error ? error.message : String(error) } };
  }
}
