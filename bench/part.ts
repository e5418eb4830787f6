import type { Figure } from './figures.js';
import type { Stack } from './stack.js';

/** How a part is run. */
export interface Run {
  /** Fewer samples: to see that it works, not to quote. */
  readonly quick: boolean;
  /** Aborted when the part's time is over or the bench is stopped. */
  readonly signal: AbortSignal;
  /** One line for the person who waits. */
  readonly log: (line: string) => void;
}

/** One lettered part of the bench. */
export interface Part {
  readonly letter: string;
  readonly title: string;
  readonly limitMs: number;
  measure(stack: Stack, run: Run): Promise<readonly Figure[]>;
}

/** What a part came to. */
export interface PartResult {
  readonly letter: string;
  readonly title: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Why it failed; its figures are then missing. */
  readonly error?: string;
}

/** Runs a part within its time. A failure is a result, so that the other parts still run. */
export async function runPart(part: Part, stack: Stack, run: Omit<Run, 'signal'>, stop: AbortSignal): Promise<PartResult> {
  const { letter, title } = part;
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(part.limitMs);
  const signal = AbortSignal.any([stop, limit]);
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(limit.aborted ? `not done within ${part.limitMs / 1_000} s` : 'stopped')), { once: true });
  });
  try {
    const figures = await Promise.race([part.measure(stack, { ...run, signal }), ended]);
    return { letter, title, seconds: seconds(), figures };
  } catch (error) {
    return { letter, title, seconds: seconds(), figures: [], error: error instanceof Error ? error.message : String(error) };
  }
}
