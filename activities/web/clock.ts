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
  let left = limitMs;
  let since = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    if (left === undefined) return;
    since = performance.now();
    timer = setTimeout(() => over.abort(new DOMException('The time is over.', 'TimeoutError')), left).unref();
  };
  start();
  return {
    signal: over.signal,
    async without(work) {
      clearTimeout(timer);
      if (left !== undefined) left = Math.max(0, left - (performance.now() - since));
      try {
        return await work();
      } finally {
        start();
      }
    },
  };
}
