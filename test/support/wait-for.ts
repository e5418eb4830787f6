import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** Waits until a condition is seen; the time limit only bounds a failure. Answers the first truthy value. */
export async function waitFor<T>(what: string, look: () => T | Promise<T>, limitMs = 30_000): Promise<NonNullable<T>> {
  const until = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > until) throw new Error(`Waited ${limitMs} ms in vain for ${what}.`);
    await delay(POLL_MS);
  }
}
