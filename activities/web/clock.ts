import { startClock } from '../sandbox/held-clock.js';

/** A time limit that can be held. */
export interface Clock {
  /** Aborted with a `TimeoutError` when the time is over. */
  readonly signal: AbortSignal;
  /** Does the work while the clock stands still. */
  without<T>(work: () => Promise<T>): Promise<T>;
}

/** Starts at once. Undefined is no limit. */
export function createClock(limitMs: number | undefined): Clock {
  const over = new AbortController();
  const clock = limitMs === undefined ? undefined : startClock(limitMs, () => over.abort(new DOMException('The time is over.', 'TimeoutError')));
  return {
    signal: over.signal,
    async without(work) {
      clock?.hold(true);
      try {
        return await work();
      } finally {
        clock?.hold(false);
      }
    },
  };
}
