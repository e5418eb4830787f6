import { readFileSync, writeFileSync } from 'node:fs';
import { type Figure, goalText, isMet, shown, withUnit } from '../figures.js';
import type { PartResult } from '../part.js';
import type { Report } from '../report.js';

const FILE = 'docs/benchmarks-sandbox.md';
const SECTION = /<!-- figures -->[\s\S]*<!-- \/figures -->/;

/** Puts the tables of a report into the documentation, in the place of those before. */
export function writeFigures(report: Report): string {
  const text = readFileSync(FILE, 'utf8');
  if (!SECTION.test(text)) throw new Error(`${FILE} has no place for figures: <!-- figures --> and <!-- /figures --> are missing.`);
  writeFileSync(
    FILE,
    text.replace(SECTION, () => figuresSection(report)),
  );
  return FILE;
}

/** A table for each part, with what was measured alike side by side. */
export function figuresSection({ machine, startedAt, about, parts }: Report): string {
  const { cpus, cpu, memoryGb, system, node, commit, loadBefore } = machine;
  return [
    '<!-- figures -->',
    '',
    `Measured on ${startedAt.slice(0, 10)} at commit ${commit}: ${cpus} × ${cpu}, ${memoryGb} GB, ${system}, Node ${node}; load before ${loadBefore.join(', ')}.`,
    about,
    ...parts.flatMap(tableOf),
    '',
    '<!-- /figures -->',
  ].join('\n');
}

function tableOf({ title, figures }: PartResult): string[] {
  const columns = [...new Set(figures.map(({ of }) => of ?? ''))];
  const labels = [...new Set(figures.map(({ label }) => label))];
  const hasGoals = figures.some(({ goal }) => goal !== undefined);
  const notes = [...new Set(figures.flatMap(({ label, note }) => (note === undefined ? [] : [`${label}: ${note}.`])))];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = labels.map((label) => {
    const alike = figures.filter((figure) => figure.label === label);
    const cells = columns.map((column) => cellOf(alike.find(({ of = '' }) => of === column)));
    return row([label, ...cells, ...(hasGoals ? [verdictOf(alike)] : [])]);
  });
  const named = columns.map((column) => column || 'figure');
  return [
    '',
    `**${title[0]?.toUpperCase()}${title.slice(1)}**`,
    '',
    row(['', ...named, ...(hasGoals ? ['goal'] : [])]),
    `|---|${columns.map(() => '---:|').join('')}${hasGoals ? '---|' : ''}`,
    ...rows,
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ];
}

/** Median and 95th percentile where there are samples. */
function cellOf(figure: Figure | undefined): string {
  if (!figure) return '';
  const { value, samples, unit } = figure;
  return samples ? `${shown(value)} / ${withUnit(samples.p95, unit)}` : withUnit(value, unit);
}

/** Each goal of a row, and who reached it. */
function verdictOf(alike: readonly Figure[]): string {
  const judged = alike.flatMap((figure) =>
    figure.goal ? [{ figure, text: `${figure.samples && !figure.goal.at ? 'median ' : ''}${goalText(figure.goal, figure.unit)}`, met: isMet(figure) }] : [],
  );
  return [...new Set(judged.map(({ text }) => text))]
    .map((text) => {
      const same = judged.filter((one) => one.text === text);
      const missed = same.filter(({ met }) => !met).map(({ figure }) => figure.of ?? '');
      if (missed.length === 0) return `${text}: reached`;
      return missed.length === same.length ? `${text}: **not reached**` : `${text}: **not reached** by ${missed.join(', ')}`;
    })
    .join('; ');
}
