import { type Figure, goalText, isMet, withUnit } from './figures.js';
import type { Machine } from './machine.js';
import type { PartResult } from './part.js';

/** One run of a bench, as it is written to bench/results. */
export interface Report {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly quick: boolean;
  /** What holds for all parts, as a sentence. */
  readonly about: string;
  readonly parts: readonly PartResult[];
}

const COLUMNS = ['', 'figure', 'median', 'p95', 'n', 'goal', 'verdict'] as const;
type Row = readonly string[];

/** The whole report as a text table, with the machine above it and the notes below. */
export function toTable(report: Report): string {
  const rows = report.parts.flatMap(rowsOf);
  const widths = COLUMNS.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (row: Row) =>
    row
      .map((cell, index) => (index >= 2 && index <= 4 ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const notes = report.parts.flatMap(({ id, figures }) => [...new Set(figures.flatMap(({ note, label }) => (note ? [`  (${id}) ${label}: ${note}`] : [])))]);
  return [
    ...machineLines(report),
    '',
    line(COLUMNS),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
    ...(notes.length > 0 ? ['', 'Notes', ...notes] : []),
  ].join('\n');
}

function rowsOf({ id, title, figures, error, seconds }: PartResult): Row[] {
  const heading = [`(${id})`, `${title} · ${seconds} s`, '', '', '', '', ''];
  if (error !== undefined) return [heading, ['', `  ${error.split('\n')[0] ?? ''}`, '', '', '', '', 'FAILED']];
  return [heading, ...figures.map(rowOf)];
}

function rowOf(figure: Figure): Row {
  const { label, of, value, unit, samples, goal } = figure;
  const met = isMet(figure);
  return [
    '',
    `  ${of === undefined ? '' : `${of}: `}${label}`,
    withUnit(value, unit),
    samples ? withUnit(samples.p95, unit) : '',
    samples ? String(samples.n) : '',
    goal ? goalText(goal, unit) : '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ];
}

function machineLines({ machine, startedAt, quick, about }: Report): string[] {
  return [
    `Rondo bench${quick ? ' (quick: few samples, not to be quoted)' : ''} · ${startedAt} · commit ${machine.commit}`,
    `${machine.cpus} × ${machine.cpu} · ${machine.memoryGb} GB · ${machine.system} · Node ${machine.node} · load before ${machine.loadBefore.join(' ')}`,
    about,
  ];
}
