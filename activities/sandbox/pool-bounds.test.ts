import { expect, it } from 'vitest';
import { poolBounds } from './pool-bounds.js';

const GIBIBYTE = 1024 ** 3;

it.each([
  { memory: 1, poolMinimum: 1, poolMaximum: undefined, bounds: { minimum: 1, maximum: 1 } },
  { memory: 8, poolMinimum: 1, poolMaximum: undefined, bounds: { minimum: 1, maximum: 8 } },
  { memory: 64, poolMinimum: 1, poolMaximum: undefined, bounds: { minimum: 1, maximum: 16 } },
  { memory: 1, poolMinimum: 3, poolMaximum: undefined, bounds: { minimum: 3, maximum: 3 } },
  { memory: 8, poolMinimum: 1, poolMaximum: 40, bounds: { minimum: 1, maximum: 40 } },
  { memory: 8, poolMinimum: 4, poolMaximum: 0, bounds: { minimum: 0, maximum: 0 } },
])('a host of $memory GiB with $poolMinimum to $poolMaximum keeps $bounds.minimum to $bounds.maximum', ({ memory, bounds, ...asked }) => {
  expect(poolBounds(asked, memory * GIBIBYTE)).toEqual(bounds);
});
