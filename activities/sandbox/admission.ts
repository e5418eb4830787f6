/** How long somebody waited, and how many were before him. */
export interface Wait {
  /** 0: it began at once. */
  readonly position: number;
  readonly waitedMs: number;
}

/** So many pieces of work at once, the others in the order in which they came. */
export interface Admission {
  enter<T>(work: (wait: Wait) => Promise<T>): Promise<T>;
  /** Whether work would begin at once. */
  readonly isFree: boolean;
}

/** Making a sandbox takes a processor for its time, so more at once than there are makes each of them slower, and none sooner. */
export function createAdmission(slots: number): Admission {
  const queue: (() => void)[] = [];
  let free = slots;
  return {
    async enter(work) {
      const position = free > 0 ? 0 : queue.length + 1;
      const begin = performance.now();
      if (position === 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
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
