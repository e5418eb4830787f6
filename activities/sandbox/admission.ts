/** How long somebody waited, and how many were before him. */
export interface Wait {
  /** 0: it began at once. */
  readonly position: number;
  readonly waitedMs: number;
}

/** So many pieces of work at once, the others in the order in which they came. */
export interface Admission {
  /** `onLongWait` is told the position that somebody has after a second in the queue. */
  enter<T>(work: (wait: Wait) => Promise<T>, onLongWait?: (position: number) => void): Promise<T>;
  /** Whether work would begin at once. */
  readonly isFree: boolean;
}

const LONG_MS = 1_000;

/** Making a sandbox takes a processor for its time, so more at once than there are makes each of them slower, and none sooner. */
export function createAdmission(slots: number): Admission {
  const queue: (() => void)[] = [];
  let free = slots;

  const wait = (onLongWait: ((position: number) => void) | undefined): Promise<void> =>
    new Promise<void>((resolve) => {
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = onLongWait && setTimeout(() => onLongWait(queue.indexOf(begin) + 1), LONG_MS);
      queue.push(begin);
    });

  return {
    async enter(work, onLongWait) {
      const position = free > 0 ? 0 : queue.length + 1;
      const begin = performance.now();
      if (position === 0) free -= 1;
      else await wait(onLongWait);
      try {
        return await work({ position, waitedMs: position === 0 ? 0 : Math.round(performance.now() - begin) });
      } finally {
        const next = queue.shift();
        // The place is handed over, so that nobody who comes now is first.
        if (next) next();
        else free += 1;
      }
    },
    get isFree() {
      return free > 0;
    },
  };
}
