import type { Figure } from './figures.js';

/** How a part is run. */
export interface Run {
  /** Fewer samples: to see that it works, not to quote. */
  readonly quick: boolean;
  /** Aborted when the part's time is over or the bench is stopped. */
  readonly signal: AbortSignal;
  /** One line for the person who waits. */
  readonly log: (line: string) => void;
}

/** One part of a bench, over what the bench has started. */
export interface Part<Ground> {
  /** What `--only` calls it: a letter or a word. */
  readonly id: string;
  readonly title: string;
  readonly limitMs: number;
  measure(ground: Ground, run: Run): Promise<readonly Figure[]>;
}

/** What a part came to. */
export interface PartResult {
  readonly id: string;
  readonly title: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Why it failed; its figures are then missing. */
  readonly error?: string;
}

/** Runs a part within its time. A failure is a result, so that the other parts still run; to have measured nothing is one. */
export async function runPart<Ground>(part: Part<Ground>, ground: Ground, run: Omit<Run, 'signal'>, stop: AbortSignal): Promise<PartResult> {
  const { id, title } = part;
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(part.limitMs);
  const signal = AbortSignal.any([stop, limit]);
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(limit.aborted ? `not done within ${part.limitMs / 1_000} s` : 'stopped')), { once: true });
  });
  try {
    const figures = await Promise.race([part.measure(ground, { ...run, signal }), ended]);
    if (figures.length === 0) throw new Error('nothing was measured');
    return { id, title, seconds: seconds(), figures };
  } catch (error) {
    return { id, title, seconds: seconds(), figures: [], error: error instanceof Error ? error.message : String(error) };
  }
}
