export interface PoolBounds {
  readonly minimum: number;
  readonly maximum: number;
}

/** What a sandbox that waits needs at most, with any engine. */
const MEMORY_OF_ONE = 128 * 1024 * 1024;
const MOST = 16;

/** How many sandboxes that are nobody's yet a host keeps, whatever is asked for: where nothing is set, those that an eighth of its memory holds. Pure. */
export function poolBounds(
  { poolMinimum, poolMaximum }: { readonly poolMinimum: number; readonly poolMaximum: number | undefined },
  memoryBytes: number,
): PoolBounds {
  const maximum = poolMaximum ?? Math.min(MOST, Math.max(poolMinimum, Math.floor(memoryBytes / 8 / MEMORY_OF_ONE)));
  return { minimum: Math.min(poolMinimum, maximum), maximum };
}
