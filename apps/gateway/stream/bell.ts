/** Something one reader waits for. A ring while nobody waits is kept until the next wait. */
export interface Bell {
  ring(): void;
  /** Resolves at a ring, after the time, or when the signal aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      answer?.();
    },
    async wait(milliseconds, signal) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, milliseconds);
          const settle = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', settle);
            resolve();
          };
          signal.addEventListener('abort', settle, { once: true });
          answer = settle;
        });
        answer = undefined;
      }
      rung = false;
    },
  };
}
