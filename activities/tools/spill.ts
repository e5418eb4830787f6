import { Readable } from 'node:stream';
import type { SessionRef } from '../../workflows/contract/activities.js';
import type { Sandboxes } from '../sandbox/sandboxes.js';
import type { SessionStore } from '../session/store.port.js';
import { buildCatalog } from './catalog.js';
import type { RemoteCallDependencies } from './run-remote.js';

/** Where long results go; the model reads them with its own tools. */
const folder = '/workspace/.rondo/results';

/** Writes long results into the session's sandbox; a session whose model has no sandbox tools gets none. */
export const createSpill =
  (deps: { readonly store: SessionStore; readonly sandboxes: Sandboxes }): RemoteCallDependencies['spill'] =>
  async (ref: SessionRef, callId, text, signal) => {
    const usesSandbox = await deps.store.locked(ref, async ({ record }) => buildCatalog(record, [], { webSearch: false }).usesSandbox);
    if (!usesSandbox) return undefined;
    const path = `${folder}/${callId}.txt`;
    // The call has run: a sandbox that cannot be had must cost the rest of its result, not the result.
    return writeInto(deps.sandboxes, ref, { path, text, signal }).catch(() => undefined);
  };

async function writeInto(
  sandboxes: Sandboxes,
  ref: SessionRef,
  { path, text, signal }: { readonly path: string; readonly text: string; readonly signal: AbortSignal },
): Promise<string> {
  const { client } = await sandboxes.acquire(ref, signal, 'here');
  await client.writeFile({ path, source: Readable.from([Buffer.from(text)]), signal });
  return path;
}
