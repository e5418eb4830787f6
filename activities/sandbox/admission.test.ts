import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAdmission } from './admission.js';

afterEach(() => void vi.useRealTimers());

describe('admission', () => {
  it('lets so many begin at once and the others in the order in which they came, each told its position', async () => {
    const admission = createAdmission(2);
    const begun: { name: string; position: number }[] = [];
    const gates = new Map<string, () => void>();
    const enter = (name: string) =>
      admission.enter(({ position }) => {
        begun.push({ name, position });
        return new Promise<void>((resolve) => gates.set(name, resolve));
      });
    const all = ['a', 'b', 'c', 'd'].map(enter);
    expect(begun).toEqual([
      { name: 'a', position: 0 },
      { name: 'b', position: 0 },
    ]);
    expect(admission.isFree).toBe(false);
    gates.get('b')?.();
    await all[1];
    expect(begun.at(-1)).toEqual({ name: 'c', position: 1 });
    gates.get('a')?.();
    await all[0];
    expect(begun.at(-1)).toEqual({ name: 'd', position: 2 });
    gates.get('c')?.();
    gates.get('d')?.();
    await Promise.all(all);
    expect(admission.isFree).toBe(true);
  });

  it('tells who has waited for a second where he is by then, and nobody else', async () => {
    vi.useFakeTimers();
    const admission = createAdmission(1);
    const gates: (() => void)[] = [];
    const told: [string, number][] = [];
    const enter = (name: string) =>
      admission.enter(
        () => new Promise<void>((resolve) => gates.push(resolve)),
        (position) => told.push([name, position]),
      );
    const all = ['a', 'b', 'c', 'd'].map(enter);
    await vi.advanceTimersByTimeAsync(900);
    gates.shift()?.();
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toEqual([
      ['c', 1],
      ['d', 2],
    ]);
    while (gates.length > 0) {
      gates.shift()?.();
      await vi.advanceTimersByTimeAsync(1);
    }
    await Promise.all(all);
    expect(told).toHaveLength(2);
  });

  it('goes on after work that fails', async () => {
    const admission = createAdmission(1);
    const failing = admission.enter(() => Promise.reject(new Error('no')));
    const next = admission.enter(async ({ position }) => position);
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe(1);
  });
});
