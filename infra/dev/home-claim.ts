import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../scripts/setup/lock.mjs';
import { bootId, processStart } from '../../scripts/setup/process-identity.mjs';
import { homeFolder } from './home.js';
import { livingRecord, recordFile, removeRecord } from './process-record.js';

/** Name of the record of the process that owns a RONDO_HOME. */
export const OWNER_RECORD = 'owner';

/**
 * Makes this process the one owner of a RONDO_HOME: two stacks on the same data would destroy it. Rejects while another process
 * owns it. Returns how to give it back; the death of the process gives it back too.
 */
export async function claimHome(home: string): Promise<() => void> {
  await withLock(join(homeFolder(home, 'run'), 'claim.lock'), 'another start with this RONDO_HOME', async () => {
    const owner = livingRecord(home, OWNER_RECORD);
    if (owner) {
      throw new Error(`${home} is in use by process ${owner.pid}: stop that one, or set RONDO_HOME (and RONDO_PORT) to run a second stack beside it.`);
    }
    const record = { pid: process.pid, start: processStart(process.pid), boot: bootId() };
    writeFileSync(recordFile(home, OWNER_RECORD), JSON.stringify(record), { mode: 0o600 });
  });
  return () => removeRecord(home, OWNER_RECORD);
}
