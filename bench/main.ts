import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.js';
import { type PartResult, runPart } from './part.js';
import { PARTS } from './parts/index.js';
import { type Report, toTable } from './report.js';
import { startStack } from './stack.js';

const RESULTS = 'bench/results';

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, out: { type: 'string' } } });
const wanted = values.only?.split(',').map((letter) => letter.trim());
const unknown = wanted?.filter((letter) => !PARTS.some((part) => part.letter === letter));
if (unknown && unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(', ')}; the parts are ${PARTS.map(({ letter }) => letter).join(', ')}.\n`);
  process.exit(64);
}

const log = (line: string): void => void process.stderr.write(`${line}\n`);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const machine = describeMachine();
const startedAt = new Date().toISOString();
const stack = await startStack(log);
const results: PartResult[] = [];
const { engine, runtime, isolation } = stack.provider;
try {
  for (const part of PARTS.filter(({ letter }) => wanted?.includes(letter) ?? true)) {
    if (stop.signal.aborted) break;
    log(`(${part.letter}) ${part.title} …`);
    const result = await runPart(part, stack, { quick: values.quick, log: (line) => log(`    ${line}`) }, stop.signal);
    if (result.error !== undefined) log(`    failed: ${result.error}`);
    results.push(result);
  }
} finally {
  await stack.stopAll();
}

const report: Report = { machine, startedAt, quick: values.quick, sandbox: `${engine} with ${runtime} (${isolation})`, parts: results };
// A part of the bench, a quick run or a stopped one must not pass for the whole.
const isWhole = !values.quick && !wanted && !stop.signal.aborted;
const file = values.out ?? join(RESULTS, isWhole ? 'latest.json' : 'partial.json');
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${toTable(report)}\n\nWritten to ${file}\n`);
const failed = stop.signal.aborted || results.some(({ error }) => error !== undefined);
process.exit(failed ? 1 : 0);
