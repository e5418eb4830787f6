/** What a number of samples came to, in the samples' unit. */
export interface Distribution {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
}

export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** One line of the result. `value` is the median where there are samples. */
export interface Figure {
  readonly label: string;
  /** `ms`, `×` for ratios, `/s`, `MB`, … */
  readonly unit: string;
  readonly value: number;
  readonly samples?: Distribution;
  readonly goal?: Goal;
  /** What exactly was measured, where the label cannot say it. */
  readonly note?: string;
}

function distributionOf(samples: readonly number[]): Distribution {
  if (samples.length === 0) throw new Error('There are no samples: nothing was measured.');
  const sorted = samples.toSorted((left, right) => left - right);
  return {
    n: sorted.length,
    mean: sorted.reduce((sum, sample) => sum + sample, 0) / sorted.length,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    min: percentile(sorted, 0),
    max: percentile(sorted, 100),
  };
}

/** Nearest rank; `sorted` must not be empty. */
function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => distributionOf(samples).p50;

type Extra = Pick<Figure, 'goal' | 'note'>;

/** A line whose value is the median of samples in milliseconds. */
export function milliseconds(label: string, samples: readonly number[], extra: Extra = {}): Figure {
  const distribution = distributionOf(samples);
  return { label, unit: 'ms', value: distribution.p50, samples: distribution, ...extra };
}

export const plain = (label: string, value: number, unit: string, extra: Extra = {}): Figure => ({ label, unit, value, ...extra });

export const ratio = (label: string, above: number, below: number, extra: Extra = {}): Figure => plain(label, above / below, '×', extra);

/** Whether a figure reaches its goal; undefined where it has none. */
export function isMet({ goal, value }: Figure): boolean | undefined {
  if (!goal) return undefined;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}
