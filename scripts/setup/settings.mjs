import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as util from 'node:util';

const PURPOSES = ['test', 'demo', 'start', 'doctor'];

/**
 * What set-up is to prepare for, and where. The variables are those of infra/config, which cannot be read yet: it needs node_modules.
 * @typedef {{ purpose: string, root: string, cache: string, environment: Record<string, string | undefined> }} Settings
 */

/** The checkout: the folder with package.json above this file, whether it runs from the source or from `dist`. */
function checkoutRoot() {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('No package.json above scripts/setup: run this inside a checkout of Rondo.');
    folder = above;
  }
  return folder;
}

/**
 * @param {readonly string[]} words the command line after the file name
 * @returns {Settings}
 */
export function readSettings(words) {
  const [flag, purpose = ''] = words;
  if (flag !== '--for' || !PURPOSES.includes(purpose)) {
    throw new Error(`Usage: node scripts/setup/main.mjs --for ${PURPOSES.join('|')}`);
  }
  const root = checkoutRoot();
  // Tests take nothing from .env: a connection string in it would point them at a real database.
  const environment = purpose === 'test' ? { ...process.env } : { ...environmentFile(root), ...process.env };
  return { purpose, root, cache: cacheFolder(environment), environment };
}

/** @param {Record<string, string | undefined>} environment */
export function cacheFolder(environment) {
  const given = environment.RONDO_CACHE || '~/.cache/rondo';
  return resolve(given.replace(/^~(?=\/|$)/, homedir()));
}

/** @param {string} root */
function environmentFile(root) {
  const file = join(root, '.env');
  if (!existsSync(file)) return {};
  if (!util.parseEnv) throw new Error('Reading .env needs Node 20.12 or newer: update Node, or export the variables instead.');
  return util.parseEnv(readFileSync(file, 'utf8'));
}
