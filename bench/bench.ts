import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeMachine } from './machine.js';
import { type Part, type PartResult, runPart } from './part.js';
import { type Report, toTable } from './report.js';

const RESULTS = 'bench/results';

/** One command that measures: its parts, and what they stand on. */
export interface Bench<Ground> {
  readonly parts: readonly Part<Ground>[];
  start(log: (line: string) => void): Promise<Ground & { stopAll(): Promise<void> }>;
  /** What holds for all figures, as a sentence. */
  about(ground: Ground): string;
  /** File of a whole run's report in bench/results. */
  readonly file: string;
}

export interface BenchOptions {
  /** The parts to run, separated by commas; all without it. */
  readonly only?: string | undefined;
  readonly quick: boolean;
  /** Where the report goes instead. */
  readonly out?: string | undefined;
  /** Less than everything is measured, for a reason that only the caller knows. */
  readonly partial?: boolean;
}

/** What came out; `isWhole`: of every part, with all samples, and none failed. */
export interface BenchResult {
  readonly report: Report;
  readonly isWhole: boolean;
  readonly failed: boolean;
}

/** Runs the parts one after another, prints their table and writes the report. Ends the process when it is asked for a part that is not there. */
export async function runBench<Ground>(bench: Bench<Ground>, { only, quick, out, partial = false }: BenchOptions): Promise<BenchResult> {
  const wanted = only?.split(',').map((id) => id.trim());
  const unknown = wanted?.filter((id) => !bench.parts.some((part) => part.id === id));
  if (unknown && unknown.length > 0) {
    process.stderr.write(`There is no part ${unknown.join(', ')}; the parts are ${bench.parts.map(({ id }) => id).join(', ')}.\n`);
    process.exit(64);
  }

  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const ground = await bench.start(log);
  const about = bench.about(ground);
  const parts: PartResult[] = [];
  try {
    for (const part of bench.parts.filter(({ id }) => wanted?.includes(id) ?? true)) {
      if (stop.signal.aborted) break;
      log(`(${part.id}) ${part.title} …`);
      const result = await runPart(part, ground, { quick, log: (line) => log(`    ${line}`) }, stop.signal);
      if (result.error !== undefined) log(`    failed: ${result.error}`);
      parts.push(result);
    }
  } finally {
    await ground.stopAll();
  }

  const report: Report = { machine, startedAt, quick, about, parts };
  const failed = stop.signal.aborted || parts.some(({ error }) => error !== undefined);
  // A part of the bench, a quick run or a stopped one must not pass for the whole.
  const isComplete = !quick && !wanted && !partial && !stop.signal.aborted;
  const file = out ?? join(RESULTS, isComplete ? bench.file : 'partial.json');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${toTable(report)}\n\nWritten to ${file}\n`);
  return { report, isWhole: isComplete && !failed, failed };
}
