import { z } from 'zod';
import type { Sandboxes } from '../../activities/sandbox/sandboxes.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { notify } from '../../infra/postgres/session-store.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';

const Stop = z.object({ sessionId: z.string(), workspaceId: z.string(), callIds: z.array(z.string()) });

/** A notification holds 8,000 bytes at most, and an id 40. */
const MOST_AT_ONCE = 100;

interface Notifications {
  on(channel: string, handler: (payload: string) => void): () => void;
}

/** Calls that one host has to stop in a sandbox of another: told to all, heard by the one. Best effort, as every stop. */
export const createCallStops = ({ pool, listener }: { readonly pool: Pool; readonly listener: Notifications }) => ({
  async ask({ sessionId, workspaceId }: SessionRef, callIds: readonly string[]): Promise<void> {
    for (let from = 0; from < callIds.length; from += MOST_AT_ONCE) {
      await notify(pool, CHANNELS.stopCalls, JSON.stringify({ sessionId, workspaceId, callIds: callIds.slice(from, from + MOST_AT_ONCE) }));
    }
  },
  serve: (sandboxes: Pick<Sandboxes, 'find'>): (() => void) =>
    listener.on(CHANNELS.stopCalls, (payload) => {
      const { callIds, ...ref } = Stop.parse(JSON.parse(payload));
      const stop = async () => {
        const sandbox = await sandboxes.find(ref);
        for (const callId of callIds) sandbox?.client.cancel(callId);
      };
      stop().catch(() => undefined);
    }),
});
