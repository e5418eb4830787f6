import { Command } from 'commander';
import { addEnvironmentFile } from '../../infra/config/environment.js';
import { demo } from './demo.command.js';
import { doctor } from './doctor.command.js';
import { createEnvironmentKey } from './environment-keys.command.js';
import { start } from './start.command.js';

const LEAST_NODE = 24;

if (Number(process.versions.node.split('.')[0]) < LEAST_NODE) {
  process.stderr.write(`Rondo runs on Node ${LEAST_NODE} and brings its own: use npm start, npm run demo or npm run doctor.\n`);
  process.exit(1);
}

addEnvironmentFile();

const program = new Command('rondo').description('A managed agent runtime that anyone can run.');

program.command('start').description('Run Rondo on this machine until Ctrl-C.').action(start);

program
  .command('demo')
  .description('Run Rondo on this machine and give it one real task; serves until Ctrl-C.')
  .option('--once', 'end after the task: 0 if it succeeded')
  .action(demo);

program.command('doctor').description('Say what is there, what is embedded, what is missing, and what to do.').action(doctor);

program
  .command('environments')
  .description('Environments of the running Rondo.')
  .command('keys')
  .description('Keys for the workers of a self-hosted environment.')
  .command('create')
  .description('Make a key and print it; it is never shown again.')
  .argument('<environment>', 'id of the environment, env_…')
  .option('--name <name>', 'what the key is for')
  .action(createEnvironmentKey);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`\n✗ ${describe(error)}\n`);
  process.exitCode = 1;
}

/** An error with what caused it, one line each. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n  because: ${describe(error.cause)}`;
}
