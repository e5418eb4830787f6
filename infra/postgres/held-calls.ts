import type { SessionRef } from '../../workflows/contract/activities.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { Listener } from './listener.js';
import { heldUntil } from './network-questions.repo.js';
import type { Pool } from './pool.js';
import { transaction } from './transaction.js';

/** Tells when calls of a session's sandbox wait for people to say whether a host may be reached; the port is in activities/tools/run-in-sandbox.ts. */
export function createHeldCalls({ pool, listener }: { readonly pool: Pool; readonly listener: Pick<Listener, 'on' | 'onResync'> }) {
  return {
    follow({ sessionId, workspaceId }: SessionRef, { now }: { readonly now: boolean }, tell: (held: boolean) => void): () => void {
      let looks = 0;
      let timer: NodeJS.Timeout | undefined;
      const look = async (): Promise<void> => {
        const own = ++looks;
        // While the database is away a clock goes on as it did.
        const until = await transaction(pool, workspaceId, (tx) => heldUntil(tx, sessionId)).catch(() => null);
        if (own !== looks || until === null) return;
        tell(until !== undefined);
        clearTimeout(timer);
        if (until) timer = setTimeout(() => void look(), Math.max(0, until.getTime() - Date.now()) + AFTER_MS);
      };
      const stops = [listener.on(CHANNELS.egress, (id) => void (id === sessionId && look())), listener.onResync(() => void look())];
      if (now) void look();
      return () => {
        looks += 1;
        clearTimeout(timer);
        for (const stop of stops) stop();
      };
    },
  };
}

/** The two clocks may differ by a little; nothing is lost by looking a moment later. */
const AFTER_MS = 100;
