import type { Listener } from '../../../infra/postgres/listener.js';
import { CHANNELS } from '../../../workflows/contract/names.js';

/** Tells pollers that work was queued in their environment, or may have been while notifications were interrupted. */
export interface WorkFeed {
  subscribe(environmentId: string, ring: () => void): () => void;
}

export function createWorkFeed(listener: Listener): WorkFeed {
  const waiting = new Set<{ readonly environmentId: string; readonly ring: () => void }>();
  listener.on(CHANNELS.work, (environmentId) => {
    for (const poller of waiting) if (poller.environmentId === environmentId) poller.ring();
  });
  listener.onResync(() => {
    for (const poller of waiting) poller.ring();
  });
  return {
    subscribe(environmentId, ring) {
      const poller = { environmentId, ring };
      waiting.add(poller);
      return () => void waiting.delete(poller);
    },
  };
}
