import { createHash } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { ask, isExecutable, onPath } from '../command.mjs';
import { fetchFile, fetchText } from '../download.mjs';
import { PINS } from '../pins.mjs';
import { buildWithGo } from './go.mjs';
import { architecture } from './platform.mjs';

const FOLDER = `gvisor-${PINS.gvisor.release}`;

/**
 * gVisor's `runsc`: on PATH, else in the cache.
 * @param {{ cache: string, environment?: Record<string, string | undefined> }} settings
 * @returns {string | undefined}
 */
export function findGvisor({ cache, environment }) {
  const ours = join(cache, FOLDER, 'runsc');
  return onPath('runsc', environment) ?? (isExecutable(ours) ? ours : undefined);
}

/**
 * @param {import('../settings.mjs').Settings} settings
 * @param {{ build: boolean }} options whether to build from source (some minutes) where the download fails
 */
export async function provideGvisor(settings, { build }) {
  if (findGvisor(settings)) return;
  const download = { name: `download of release ${PINS.gvisor.release}`, make: fetchRelease };
  const source = {
    name: 'build from source, about 4 minutes',
    make: (/** @type {string} */ folder, /** @type {(line: string) => void} */ report) => buildFromSource(settings, folder, report),
  };
  await cached({ cache: settings.cache, key: FOLDER, title: 'gVisor (runsc)', ways: build ? [download, source] : [download] });
}

/** @param {string} folder @param {(line: string) => void} report */
async function fetchRelease(folder, report) {
  const base = `https://storage.googleapis.com/gvisor/releases/release/${PINS.gvisor.release}/${architecture().kernel}`;
  const [sum = ''] = (await fetchText(`${base}/runsc.sha512`)).split(/\s/);
  const file = join(folder, 'runsc');
  await fetchFile(`${base}/runsc`, file, report);
  const got = createHash('sha512').update(readFileSync(file)).digest('hex');
  if (got !== sum) throw new Error('the downloaded runsc does not have the checksum that its release names.');
  proveItRuns(file);
}

/** @param {import('../settings.mjs').Settings} settings @param {string} folder @param {(line: string) => void} report */
async function buildFromSource(settings, folder, report) {
  await buildWithGo(settings, { module: `gvisor.dev/gvisor/runsc@${PINS.gvisor.module}`, program: 'runsc', folder, report });
  proveItRuns(join(folder, 'runsc'));
}

/** @param {string} file */
function proveItRuns(file) {
  chmodSync(file, 0o755);
  if (!ask(file, ['--version'])) throw new Error(`${file} does not run on this machine.`);
}
