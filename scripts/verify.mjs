// Everything that must hold before a change is done, in one command: each check in turn, all of them even when one fails, and a
// summary at the end. A check's output is shown only when it fails; the tests show theirs as they run.
// usage: verify.mjs [name of a check …]
import { spawnSync } from 'node:child_process';

const ARCHITECTURE = ['vitest', 'run', '--project', 'unit'];

/** Name, and the commands that all have to succeed. */
const CHECKS = [
  ['format', [['biome', 'check', '--linter-enabled=false', '--reporter=summary', '.']]],
  [
    'lint',
    [
      ['biome', 'lint', '--error-on-warnings', '.'],
      ['oxlint', '.'],
    ],
  ],
  ['types', [['tsc']]],
  ['boundaries', [[...ARCHITECTURE, 'test/architecture', '--exclude', 'test/architecture/workflow-bundle.test.ts']]],
  ['dead code', [['knip', '--no-progress']]],
  ['workflow bundle', [[...ARCHITECTURE, 'test/architecture/workflow-bundle.test.ts']]],
  ['tests', [['npm', 'test']]],
];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !CHECKS.some(([known]) => known === name));
if (unknown.length > 0) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${CHECKS.map(([name]) => name).join(', ')}.`);
  process.exit(2);
}

const results = CHECKS.filter(([name]) => asked.length === 0 || asked.includes(name)).map(([name, commands]) => check(name, commands));
const failed = results.filter(({ passed }) => !passed);
console.log(`\n${results.map(({ name, passed, seconds }) => `${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(16)} ${seconds.padStart(6)} s`).join('\n')}`);
console.log(
  failed.length === 0 ? '\nAll checks passed.' : `\n${failed.length} of ${results.length} checks failed: ${failed.map(({ name }) => name).join(', ')}.`,
);
process.exit(failed.length === 0 ? 0 : 1);

function check(name, commands) {
  console.log(`· ${name}`);
  const start = performance.now();
  const passed = commands.map(([program, ...words]) => run(program, words)).every(Boolean);
  return { name, passed, seconds: ((performance.now() - start) / 1000).toFixed(1) };
}

/** `npm run` has put the programs of `node_modules` on the path. */
function run(program, words) {
  const shown = program === 'npm';
  const { status, error, stdout, stderr } = spawnSync(program, words, { stdio: shown ? 'inherit' : 'pipe', encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (error) console.error(`${program} could not be started (${error.message}); start this by \`npm run verify\`.`);
  if (status !== 0 && !shown) console.log(`${[program, ...words].join(' ')}\n${stdout ?? ''}${stderr ?? ''}`);
  return status === 0;
}
