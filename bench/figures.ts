/** What a number of samples came to, in the samples' unit. */
export interface Distribution {
  readonly n: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** For the value, or for another place in the distribution. */
export type Goal = ({ readonly atMost: number } | { readonly atLeast: number }) & { readonly at?: 'p95' };

/** One line of the result. `value` is the median where there are samples. */
export interface Figure {
  readonly label: string;
  /** What of several things that were measured alike. */
  readonly of?: string;
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
    p99: percentile(sorted, 99),
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
export const p99 = (samples: readonly number[]): number => distributionOf(samples).p99;

type Extra = Pick<Figure, 'of' | 'goal' | 'note'>;

/** A line whose value is the median of samples in milliseconds. */
export function milliseconds(label: string, samples: readonly number[], extra: Extra = {}): Figure {
  const distribution = distributionOf(samples);
  return { label, unit: 'ms', value: distribution.p50, samples: distribution, ...extra };
}

export const plain = (label: string, value: number, unit: string, extra: Extra = {}): Figure => ({ label, unit, value, ...extra });

export const ratio = (label: string, above: number, below: number, extra: Extra = {}): Figure => plain(label, above / below, '×', extra);

/** Whether a figure reaches its goal; undefined where it has none. */
export function isMet({ goal, value, samples }: Figure): boolean | undefined {
  if (!goal) return undefined;
  const judged = goal.at === undefined ? value : (samples?.[goal.at] ?? Number.NaN);
  return 'atMost' in goal ? judged <= goal.atMost : judged >= goal.atLeast;
}

export const goalText = (goal: Goal, unit: string): string =>
  `${goal.at === undefined ? '' : `${goal.at} `}${'atMost' in goal ? `≤ ${withUnit(goal.atMost, unit)}` : `≥ ${withUnit(goal.atLeast, unit)}`}`;

export const withUnit = (value: number, unit: string): string => `${shown(value)} ${unit}`.trimEnd();

export function shown(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
