import type { SessionRef } from '../../workflows/contract/activities.js';
import type { Sandboxes } from './sandboxes.js';
import { MOUNTS_PATH } from './supervisor-command.js';

/** Keeps a text that is too long for the model as a file of the session's sandbox, and answers its path there. */
export type SpillText = (ref: SessionRef, callId: string, text: string) => Promise<string>;

/** Makes the sandbox when there is none. Errors are those of `Sandboxes.acquire` and of `SandboxFiles.writeFile`. */
export const createSpillText =
  (deps: { readonly sandboxes: Pick<Sandboxes, 'acquire'> }): SpillText =>
  async (ref, callId, text) => {
    const { client } = await deps.sandboxes.acquire(ref);
    const path = `${MOUNTS_PATH}/session/spill/${callId}.txt`;
    await client.writeFile({ path, source: bytesOf(text) });
    return path;
  };

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
