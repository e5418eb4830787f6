import type { Listener } from '../../../infra/postgres/listener.js';
import { CHANNELS } from '../../../workflows/contract/names.js';

/** Tells whoever follows a session that its rows changed, or may have changed while notifications were interrupted. */
export interface SessionFeed {
  /** Calls `ring` at every change of the session (and of its deltas, on request); answers how to stop that. */
  subscribe(sessionId: string, options: { readonly deltas: boolean }, ring: () => void): () => void;
}

export function createSessionFeed(listener: Listener): SessionFeed {
  const onEvents = createRings();
  const onDeltas = createRings();
  listener.on(CHANNELS.events, onEvents.ring);
  listener.on(CHANNELS.deltas, onDeltas.ring);
  listener.onResync(() => {
    onEvents.ringAll();
    onDeltas.ringAll();
  });
  return {
    subscribe(sessionId, { deltas }, ring) {
      const removals = [onEvents.add(sessionId, ring), ...(deltas ? [onDeltas.add(sessionId, ring)] : [])];
      return () => {
        for (const remove of removals) remove();
      };
    },
  };
}

function createRings() {
  const rings = new Map<string, Set<() => void>>();
  return {
    add(sessionId: string, ring: () => void): () => void {
      const ofSession = rings.get(sessionId) ?? new Set();
      rings.set(sessionId, ofSession.add(ring));
      return () => {
        ofSession.delete(ring);
        if (ofSession.size === 0 && rings.get(sessionId) === ofSession) rings.delete(sessionId);
      };
    },
    ring(sessionId: string): void {
      for (const ring of rings.get(sessionId) ?? []) ring();
    },
    ringAll(): void {
      for (const ofSession of rings.values()) for (const ring of ofSession) ring();
    },
  };
}
