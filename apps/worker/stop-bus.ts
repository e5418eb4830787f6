import type { StopBus } from '../../activities/boundary.js';
import { CHANNELS } from '../../workflows/contract/names.js';

interface Notifications {
  on(channel: string, handler: (payload: string) => void): () => void;
}

/** The stop notifications of this process, by session. */
export function createStopBus(listener: Notifications): StopBus {
  const handlers = new Map<string, Set<() => void>>();
  listener.on(CHANNELS.stop, (sessionId) => {
    for (const handler of handlers.get(sessionId) ?? []) handler();
  });
  return {
    onStop(sessionId, handler) {
      const own = handlers.get(sessionId) ?? new Set();
      handlers.set(sessionId, own.add(handler));
      return () => {
        own.delete(handler);
        if (own.size === 0 && handlers.get(sessionId) === own) handlers.delete(sessionId);
      };
    },
  };
}
