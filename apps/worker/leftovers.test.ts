import { expect, it } from 'vitest';
import { hasEnded } from './leftovers.js';

const session = (generation: number | null, here: boolean, over = false) => ({ generation, here, over });

it('a sandbox has ended when a newer one is there, or it was given back, and otherwise not', () => {
  expect(hasEnded(session(3, true), 2)).toBe(true);
  expect(hasEnded(session(3, true), 3)).toBe(false);
  expect(hasEnded(session(3, false), 3)).toBe(true);
  expect(hasEnded(session(3, true), 4)).toBe(false);
  expect(hasEnded(session(3, false), 4)).toBe(false);
});

it('of a session without a row, or one that the database does not know, nothing is proven until it is over', () => {
  expect(hasEnded(undefined, 1)).toBe(false);
  expect(hasEnded(session(null, false), 1)).toBe(false);
  expect(hasEnded(session(null, false, true), 1)).toBe(true);
});
