import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { say, step } from './progress.mjs';

/** @type {Set<string>} */
const drafts = new Set();

/** Removes what is half made; for an end by signal. */
export function removeDrafts() {
  for (const folder of drafts) rmSync(folder, { recursive: true, force: true });
}

/**
 * The folder `key` of the cache, made by the first of `ways` that works if it is not there yet. It appears whole or not at all,
 * and is made once however many set-ups run side by side.
 * @param {{ cache: string, key: string, title: string,
 *   ways: readonly { name: string, make: (folder: string, report: (line: string) => void) => Promise<void> }[] }} request
 * @returns {Promise<string>} the folder
 */
export async function cached({ cache, key, title, ways }) {
  const folder = join(cache, key);
  if (existsSync(folder)) return folder;
  return await withLock(join(cache, 'locks', `${key}.lock`), title, async () => {
    if (existsSync(folder)) return folder;
    const failures = [];
    for (const way of ways) {
      try {
        await step(`${title}: ${way.name}`, (report) => make(folder, way.make, report));
        return folder;
      } catch (error) {
        const { message } = /** @type {Error} */ (error);
        failures.push(`${way.name}: ${message}`);
        say(`    ✗ ${message}`);
      }
    }
    throw new Error(`${title} could not be had.\n      ${failures.join('\n      ')}`);
  });
}

/**
 * @param {string} folder
 * @param {(folder: string, report: (line: string) => void) => Promise<void>} work
 * @param {(line: string) => void} report
 */
async function make(folder, work, report) {
  mkdirSync(dirname(folder), { recursive: true });
  removeAbandoned(folder);
  const draft = mkdtempSync(`${folder}.draft-`);
  drafts.add(draft);
  // Programs in the cache are also run by other users: gVisor starts itself as nobody.
  chmodSync(draft, 0o755);
  try {
    await work(draft, report);
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
    drafts.delete(draft);
  }
}

/** Drafts of a set-up that was killed; the lock is held, so none of them is in the making. @param {string} folder */
function removeAbandoned(folder) {
  const prefix = `${basename(folder)}.draft-`;
  for (const entry of readdirSync(dirname(folder))) {
    if (entry.startsWith(prefix)) rmSync(join(dirname(folder), entry), { recursive: true, force: true });
  }
}
