import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { processStart } from './process-identity.mjs';

const KEPT_LINES = 25;
const OWNER = 'RONDO_SETUP';
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** @type {Set<Promise<void>>} */
const unbreakable = new Set();

/**
 * Ends every program started by `run`, with all it has started itself. Resolves when those that must not be broken off have ended.
 * @returns {Promise<void>}
 */
export async function endChildren() {
  for (const child of running) killGroup(child.pid ?? 0);
  await Promise.allSettled(unbreakable);
}

/** @param {number} pid */
function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself a moment ago.
  }
}

/**
 * Ends the programs of a set-up that was killed: they work on, and would be in the way of the next one. They are known by a
 * variable in their environment.
 * @param {string} owner
 */
export function endChildrenOf(owner) {
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name) && environmentOf(name).includes(`${OWNER}=${owner}\0`)) killGroup(Number(name));
  }
}

/** @param {string} pid */
function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

/**
 * The program's full path, or undefined. System folders are searched too: a user's PATH often lacks them.
 * @param {string} name
 * @param {Record<string, string | undefined>} [environment]
 * @returns {string | undefined}
 */
export function onPath(name, environment = process.env) {
  const folders = [...(environment.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * @param {string} file
 * @returns {boolean}
 */
export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * What a short command prints, or undefined if it fails or takes longer than `timeout` milliseconds.
 * @param {string} command
 * @param {readonly string[]} words
 * @param {number} [timeout]
 * @returns {string | undefined}
 */
export function ask(command, words, timeout = 10_000) {
  const { status, stdout } = spawnSync(command, words, { encoding: 'utf8', timeout, stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Whether the system can run this file at all (right processor, libraries there), whatever it then answers.
 * @param {string} file
 * @param {readonly string[]} words
 * @returns {boolean}
 */
export function starts(file, words) {
  const { error, status } = spawnSync(file, words, { timeout: 30_000, stdio: 'ignore' });
  return error === undefined && status !== null && status < 126;
}

/**
 * Runs a slow command to its end; its lines go to `report`. Fails with its last lines, which say why.
 * @param {string} command
 * @param {readonly string[]} words
 * @param {{ report?: ((line: string) => void) | undefined, cwd?: string, environment?: Record<string, string | undefined>, whole?: boolean }} [options]
 *   `whole`: an end of set-up waits for it instead of breaking it off
 * @returns {Promise<void>}
 */
export function run(command, words, options = {}) {
  const done = start(command, words, options);
  if (options.whole) {
    unbreakable.add(done);
    done.catch(() => {}).finally(() => unbreakable.delete(done));
  }
  return done;
}

/** @type {typeof run} */
function start(command, words, options = {}) {
  const mark = options.whole ? {} : { [OWNER]: `${process.pid}.${processStart(process.pid)}` };
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      cwd: options.cwd,
      env: { ...(options.environment ?? process.env), ...mark },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    if (!options.whole) running.add(child);
    /** @type {string[]} */
    const last = [];
    const keep = (/** @type {Buffer} */ bytes) => {
      for (const line of bytes.toString().split(/[\r\n]+/)) {
        if (!line.trim()) continue;
        last.push(line);
        if (last.length > KEPT_LINES) last.shift();
        options.report?.(line);
      }
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      running.delete(child);
      reject(new Error(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      if (code === 0) return resolve();
      reject(new Error([`${command} ${words.join(' ')} ended with ${signal ?? code}:`, ...last].join('\n      ')));
    });
  });
}
