/** A time limit that stands still while it is held. */
export interface HeldClock {
  hold(held: boolean): void;
  /** The limit does not matter any more. */
  end(): void;
}

/** Calls `over` when so much time has passed in which the clock was not held. It keeps no process alive. */
export function startClock(limitMs: number, over: () => void): HeldClock {
  let left = limitMs;
  let since = performance.now();
  let timer: NodeJS.Timeout | undefined = setTimeout(over, left).unref();
  return {
    hold(held) {
      if (held === (timer === undefined)) return;
      if (held) {
        clearTimeout(timer);
        timer = undefined;
        left = Math.max(0, left - (performance.now() - since));
      } else {
        since = performance.now();
        timer = setTimeout(over, left).unref();
      }
    },
    end: () => clearTimeout(timer),
  };
}

/** Clocks that are held together, those that start meanwhile too. */
export interface HeldClocks {
  start(limitMs: number, over: () => void): Pick<HeldClock, 'end'>;
  hold(held: boolean): void;
}

export function createHeldClocks(): HeldClocks {
  const running = new Set<HeldClock>();
  let isHeld = false;
  return {
    start(limitMs, over) {
      const clock = startClock(limitMs, over);
      running.add(clock);
      clock.hold(isHeld);
      return {
        end() {
          clock.end();
          running.delete(clock);
        },
      };
    },
    hold(held) {
      isHeld = held;
      for (const clock of running) clock.hold(held);
    },
  };
}
