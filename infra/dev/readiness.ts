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
    if (performance.now() > deadline)
      throw new Error(
        `${url} was not ready within ${timeoutMs / 1000} s: ${missingIn(last)}. The reason is at the end of RONDO_HOME/logs/worker.log or gateway.log.`,
      );
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What the readiness page calls missing, in its own words; the whole answer where it is no such page. */
function missingIn(answer: string): string {
  try {
    const { checks } = JSON.parse(answer) as { checks: Record<string, { state: string; detail: string }> };
    return Object.entries(checks)
      .filter(([, { state }]) => state !== 'ok')
      .map(([name, { detail }]) => `${name}: ${detail}`)
      .join('; ');
  } catch {
    return answer;
  }
}
