import type { SessionRef } from '../../workflows/contract/activities.js';
import type { Delta, SessionStore } from '../session/store.port.js';

const FLUSH_EVERY_MS = 60;

/**
 * Collects streamed text and publishes it every 60 ms, in order. Losing some is allowed (the final event is the truth),
 * so a failing publish never fails the step.
 */
export function createDeltaPublisher(store: Pick<SessionStore, 'publishDeltas'>, ref: SessionRef, fence: number) {
  let buffer: Delta[] = [];
  let flushing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const flush = () => {
    timer = undefined;
    const batch = buffer;
    buffer = [];
    if (batch.length > 0) flushing = flushing.then(() => store.publishDeltas(ref, batch, fence)).catch(() => undefined);
  };

  return {
    add(delta: Delta): void {
      const last = buffer.at(-1);
      if (last && last.eventId === delta.eventId && last.block === delta.block) buffer[buffer.length - 1] = { ...last, text: last.text + delta.text };
      else buffer.push(delta);
      timer ??= setTimeout(flush, FLUSH_EVERY_MS);
    },
    /** Nothing is published after this resolves. */
    async close(): Promise<void> {
      clearTimeout(timer);
      buffer = [];
      await flushing;
    },
  };
}
