import { parseArgs } from 'node:util';
import { runBench } from './bench.js';
import { PARTS } from './parts/index.js';
import { startStack } from './stack.js';

const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, out: { type: 'string' } } });
const { failed } = await runBench(
  {
    parts: PARTS,
    start: startStack,
    about: ({ provider: { engine, runtime, isolation } }) =>
      `Sandboxes where nothing else is said: ${engine} with ${runtime} (${isolation}). Services, gateway, worker, model server and this program share the machine.`,
    file: 'latest.json',
  },
  values,
);
process.exit(failed ? 1 : 0);
