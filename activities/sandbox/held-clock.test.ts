import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createHeldClocks, startClock } from './held-clock.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('counts only the time in which it is not held', () => {
  const over = vi.fn();
  const clock = startClock(100, over);
  vi.advanceTimersByTime(60);
  clock.hold(true);
  clock.hold(true);
  vi.advanceTimersByTime(10_000);
  clock.hold(false);
  clock.hold(false);
  vi.advanceTimersByTime(39);
  expect(over).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2);
  expect(over).toHaveBeenCalledOnce();
});

it('is over for good once it has ended, held or not', () => {
  const over = vi.fn();
  const clock = startClock(100, over);
  clock.end();
  clock.hold(true);
  clock.end();
  vi.advanceTimersByTime(1_000);
  expect(over).not.toHaveBeenCalled();
});

it('holds together what runs, and what starts meanwhile', () => {
  const over = vi.fn();
  const clocks = createHeldClocks();
  clocks.start(100, over);
  clocks.hold(true);
  const late = clocks.start(100, over);
  vi.advanceTimersByTime(1_000);
  expect(over).not.toHaveBeenCalled();
  late.end();
  clocks.hold(false);
  vi.advanceTimersByTime(101);
  expect(over).toHaveBeenCalledOnce();
});
