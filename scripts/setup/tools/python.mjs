import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { ask, onPath, run } from '../command.mjs';
import { atLeast } from './platform.mjs';

const LEAST = '3.10';

/**
 * Sets of Python packages that tests use: what proves that a set is whole, and the file that names every version in it.
 * @type {Readonly<Record<PythonSet, { title: string, proof: string, requirements: string }>>}
 */
const SETS = {
  sdk: { title: 'the Python SDK', proof: 'anthropic', requirements: 'test/python/requirements.txt' },
  fuzzer: { title: 'the contract fuzzer', proof: 'schemathesis', requirements: 'test/fuzz/requirements.txt' },
};

/** @typedef {'sdk' | 'fuzzer'} PythonSet */
/** @typedef {{ root: string, cache: string, environment: Record<string, string | undefined> }} Places */

/**
 * The interpreter and the folder for its PYTHONPATH, once set-up has made it. The folder is keyed by the wanted versions and by
 * Python's own, as binary wheels are.
 * @param {Places} places
 * @param {PythonSet} name
 * @returns {{ python: string, folder: string } | undefined}
 */
export function findPythonSet(places, name) {
  const python = onPath('python3', places.environment);
  if (!python) return undefined;
  const folder = join(places.cache, keyOf(places.root, name, versionOf(python)));
  return existsSync(folder) ? { python, folder } : undefined;
}

/** Installs every set that is missing, with pip into folders of the cache: nothing of the system's Python is touched. @param {Places} settings */
export async function providePythonSets(settings) {
  const python = onPath('python3', settings.environment);
  const version = python ? versionOf(python) : '';
  if (!python || !atLeast(version || '0', LEAST)) {
    throw new Error(
      `The tests need Python ${LEAST} or newer as python3 on PATH, and found ${version || 'none'} (Debian: apt-get install python3 python3-pip).`,
    );
  }
  for (const name of /** @type {PythonSet[]} */ (Object.keys(SETS))) {
    const { title, proof, requirements } = SETS[name];
    await cached({
      cache: settings.cache,
      key: keyOf(settings.root, name, version),
      title,
      ways: [{ name: 'pip', make: (folder, report) => install(python, { folder, proof, file: join(settings.root, requirements), report }) }],
    });
  }
}

/** @param {string} python @returns {string} major and minor, empty if it does not run */
const versionOf = (python) => ask(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']) ?? '';

/** @param {string} root @param {PythonSet} name @param {string} version */
function keyOf(root, name, version) {
  const wanted = createHash('sha256').update(readFileSync(join(root, SETS[name].requirements)));
  return `python-${name}-${version}-${wanted.digest('hex').slice(0, 12)}`;
}

/** @param {string} python @param {{ folder: string, proof: string, file: string, report: (line: string) => void }} request */
async function install(python, { folder, proof, file, report }) {
  if (!ask(python, ['-m', 'pip', '--version'])) {
    throw new Error(`${python} has no pip: install it (Debian: apt-get install python3-pip; elsewhere: python3 -m ensurepip).`);
  }
  const quiet = ['--disable-pip-version-check', '--no-input', '--no-warn-script-location'];
  const words = ['install', ...quiet, '--no-user', '--only-binary', ':all:', '--timeout', '20', '--retries', '2'];
  await run(python, ['-m', 'pip', ...words, '--target', folder, '--requirement', file], { report });
  await run(python, ['-c', `import ${proof}`], { environment: { ...process.env, PYTHONPATH: folder, PYTHONNOUSERSITE: '1' } });
}
