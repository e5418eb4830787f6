/** Task queue of the workflows that do nothing. */
export const BASELINE_QUEUE = 'bench-baseline';
