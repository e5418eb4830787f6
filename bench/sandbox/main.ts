import { parseArgs } from 'node:util';
import { runBench } from '../bench.js';
import { writeFigures } from './figures-page.js';
import { startGround } from './ground.js';
import { PARTS } from './parts/index.js';

const { values } = parseArgs({
  options: { only: { type: 'string' }, engine: { type: 'string' }, quick: { type: 'boolean', default: false }, out: { type: 'string' } },
});
const engines = values.engine?.split(',').map((id) => id.trim());
const { report, isWhole, failed } = await runBench(
  {
    parts: PARTS,
    start: (log) => startGround(log, engines),
    about: () => 'Sandboxes, Postgres, Docker and this program share the machine. Sandboxes have the default limits.',
    file: 'sandbox.json',
  },
  { ...values, partial: engines !== undefined },
);
// What is quoted is measured whole: of every engine and part, with all samples.
if (isWhole) process.stdout.write(`Tables written to ${writeFigures(report)}\n`);
process.exit(failed ? 1 : 0);
