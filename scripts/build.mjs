import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync, statSync } from 'node:fs';

/**
 * Compiles into a new folder and puts it in the place of `dist` in one moment, so that nobody starts a program from half a build
 * and no output stays whose source is gone.
 */
const next = `dist.next-${process.pid}`;
const previous = `dist.previous-${process.pid}`;

const STEPS = [
  ['tsc', '-p', 'tsconfig.build.json', '--outDir', next],
  ['node', 'scripts/bundle-supervisor.mjs', `${next}/supervisor.mjs`],
  ['node', 'scripts/bundle-workflows.mjs', next],
];

const succeeded = STEPS.every(([program, ...words]) => spawnSync(`node_modules/.bin/${program}`, words, { stdio: 'inherit' }).status === 0);
if (succeeded) {
  for (const folder of ['apps', 'workflows', 'activities', 'infra']) cpSync(folder, `${next}/${folder}`, { recursive: true, filter: isAsset });
  if (existsSync('dist')) renameSync('dist', previous);
  renameSync(next, 'dist');
}
for (const folder of [next, previous]) rmSync(folder, { recursive: true, force: true });
process.exit(succeeded ? 0 : 1);

/** Files that programs read at run time (SQL, scripts, lists) lie beside the code in `dist` as they do in the sources. */
function isAsset(path) {
  return statSync(path).isDirectory() || !/\.(ts|mjs|md)$/.test(path);
}
