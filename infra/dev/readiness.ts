import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;
const REQUEST_MS = 5_000;

/**
 * Waits until the gateway says that everything it needs is there. Resolves with what it said; after `timeoutMs` rejects with the
 * last answer, which names what is missing.
 */
export async function waitUntilReady(url: string, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
  const deadline = performance.now() + timeoutMs;
  for (let last = 'no answer'; ; ) {
    signal.throwIfAborted();
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(REQUEST_MS) });
      const body = await response.text();
      if (response.ok) return JSON.parse(body);
      last = body;
    } catch (error) {
      if (signal.aborted) throw error;
    }
    if (performance.now() > deadline) throw new Error(`${url} was not ready within ${timeoutMs / 1000} s. Its last answer: ${last}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}
