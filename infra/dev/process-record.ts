import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bootId, processStart } from '../../scripts/setup/process-identity.mjs';
import { homeFolder } from './home.js';

/**
 * Every process that belongs to a RONDO_HOME has a file in its `run` folder, so that whoever comes after a `kill -9` finds it. A
 * pid alone could have been given to another program since; with start time and boot it names one process.
 */
const ProcessRecord = z.object({ pid: z.int().positive(), start: z.string(), boot: z.string() });
export type ProcessRecord = z.infer<typeof ProcessRecord>;

const POLL_MS = 25;

export const recordFile = (home: string, name: string): string => join(homeFolder(home, 'run'), `${name}.json`);

/** The record of that name if its process still runs. */
export function livingRecord(home: string, name: string): ProcessRecord | undefined {
  const record = readRecord(recordFile(home, name));
  return record && isAlive(record) ? record : undefined;
}

/** Names of all records of a RONDO_HOME, whether their processes live or not. */
export function recordNames(home: string): string[] {
  return readdirSync(homeFolder(home, 'run'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'));
}

export function removeRecord(home: string, name: string): void {
  rmSync(recordFile(home, name), { force: true });
}

function isAlive(record: ProcessRecord): boolean {
  return record.boot === bootId() && processStart(record.pid) === record.start;
}

/**
 * Ends what a record names, with its whole process group: `signal` first, SIGKILL after `graceMs`. Resolves when it is gone.
 * A record whose process ended, or whose pid is another program's by now, only loses its file.
 */
export async function endRecorded(home: string, name: string, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  const record = livingRecord(home, name);
  if (record) {
    signalGroup(record.pid, signal);
    if (!(await isGone(record, graceMs))) {
      signalGroup(record.pid, 'SIGKILL');
      await isGone(record, 10_000);
    }
  }
  removeRecord(home, name);
}

/** Sends a signal to a process and all of its group; one that has ended is left alone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function isGone(record: ProcessRecord, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(record)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return ProcessRecord.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // No file, or the process ended before it had written its record.
    return undefined;
  }
}

/** Opens a record for writing by the process that it will name. */
export function openRecord(home: string, name: string): { readonly descriptor: number; close(): void } {
  const descriptor = openSync(recordFile(home, name), 'w', 0o600);
  return { descriptor, close: () => closeSync(descriptor) };
}
