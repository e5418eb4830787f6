import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endChildrenOf } from './command.mjs';
import { bootId, processStart } from './process-identity.mjs';
import { say } from './progress.mjs';

const POLL_MS = 200;
const ABANDONED_TAKEOVER_MS = 10_000;

/** @typedef {{ host: string, boot: string, pid: number, start: string | undefined }} Holder */

/** @type {Set<string>} */
const held = new Set();

/** Gives back every lock of this process; for an end by signal. */
export function releaseLocks() {
  for (const file of held) rmSync(file, { force: true });
  held.clear();
}

/**
 * Runs `work` while no other process runs one under the same lock file. A holder that died is no obstacle.
 * @template T
 * @param {string} file
 * @param {string} what names the work for those who wait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, what, work) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; !take(file); told = true) {
    const holder = readHolder(file);
    if (holder && isDead(holder)) takeOver(file);
    else if (!told) say(`  · waiting for ${what}: process ${holder?.pid ?? '?'} is at it`);
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
    held.delete(file);
  }
}

/** The lock appears with its content in one moment (a hard link), so nobody reads half of it. @param {string} file */
function take(file) {
  const draft = `${file}.${process.pid}`;
  const holder = { host: hostname(), boot: bootId(), pid: process.pid, start: processStart(process.pid) };
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, file);
    held.add(file);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** @param {string} file @returns {Holder | undefined} */
function readHolder(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {Holder} holder */
function isDead(holder) {
  if (holder.host !== hostname()) return false;
  return holder.boot !== bootId() || processStart(holder.pid) !== holder.start;
}

/**
 * Removes a dead holder's lock. Under a lock of its own, and looking again inside it: otherwise a slow process would remove the
 * lock of the one that took over before it.
 * @param {string} file
 */
function takeOver(file) {
  const door = `${file}.takeover`;
  try {
    mkdirSync(door);
  } catch {
    if (isOlderThan(door, ABANDONED_TAKEOVER_MS)) rmSync(door, { recursive: true, force: true });
    return;
  }
  const holder = readHolder(file);
  if (holder && isDead(holder)) {
    if (holder.boot === bootId()) endChildrenOf(`${holder.pid}.${holder.start}`);
    rmSync(file, { force: true });
  }
  rmdirSync(door);
}

/** @param {string} file @param {number} milliseconds */
function isOlderThan(file, milliseconds) {
  try {
    return Date.now() - statSync(file).mtimeMs > milliseconds;
  } catch {
    return false;
  }
}
