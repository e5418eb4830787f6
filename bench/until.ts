import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  readonly signal: AbortSignal;
  readonly everyMs?: number;
  readonly limitMs?: number;
}

/** Looks again and again until it sees something; answers that. Rejects when the time is over or the signal aborts. */
export async function until<T>(what: string, look: () => T | Promise<T>, { signal, everyMs = 20, limitMs = 60_000 }: UntilOptions): Promise<NonNullable<T>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) throw new Error(`Waited ${limitMs / 1_000} s in vain for ${what}.`);
    await delay(everyMs, undefined, { signal });
  }
}
