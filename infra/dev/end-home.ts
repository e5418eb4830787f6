import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownDaemon } from './docker-daemon.js';
import { OWNER_RECORD } from './home-claim.js';
import { endRecorded, livingRecord, recordNames, removeRecord } from './process-record.js';

const GRACE_MS = 3_000;

/**
 * Ends everything that runs for the data folders below `folder`, their owners first: recorded programs and services, containers,
 * sandboxes. For what a test run leaves behind.
 */
export async function endHomesBelow(folder: string): Promise<void> {
  const homes = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((home) => existsSync(join(home, 'run')));
  for (const home of homes) {
    // Without its owner, nothing is started again while the rest is ended.
    const owner = livingRecord(home, OWNER_RECORD);
    if (owner) process.kill(owner.pid, 'SIGKILL');
    removeRecord(home, OWNER_RECORD);
    // Containers end only by their daemon, so that one goes first.
    if (recordNames(home).includes('docker')) await ownDaemon(home, { dockerd: 'dockerd', runsc: undefined }).endPrevious();
    await Promise.all(recordNames(home).map((name) => endRecorded(home, name, 'SIGTERM', GRACE_MS)));
  }
  for (const pid of processesNaming(folder)) process.kill(pid, 'SIGKILL');
}

/** Processes with this path in their arguments or environment: whatever was started for it without a record. */
function processesNaming(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => ['cmdline', 'environ'].some((file) => readIfThere(`/proc/${name}/${file}`).includes(path)))
    .map(Number);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
