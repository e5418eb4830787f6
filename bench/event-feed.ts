import { z } from 'zod';
import { createEventDecoder } from '../activities/model/server-sent-events.js';
import { nowMs } from '../apps/rehearsal/recorder.js';

const Wire = z.object({ type: z.string(), processed_at: z.string().nullish() });

/** One frame of a session's stream. Times as `nowMs` gives them. */
export interface ReceivedEvent {
  readonly type: string;
  readonly receivedAt: number;
  /** When the log says it was appended; absent for frames that are not in the log. */
  readonly processedAt: number | undefined;
}

/** A client's open stream of a session. */
export interface EventFeed {
  /** All frames so far. */
  readonly events: readonly ReceivedEvent[];
  /** The first frame from the `after`-th on that matches, received or still to come. */
  first(
    matches: (event: ReceivedEvent) => boolean,
    options: { readonly signal: AbortSignal; readonly after?: number; readonly limitMs?: number },
  ): Promise<ReceivedEvent>;
  close(): void;
}

/** Resolves when the server has sent its head, so that nothing that comes later is missed. */
export async function openFeed(url: string, authorization: string): Promise<EventFeed> {
  const closing = new AbortController();
  const response = await fetch(url, { headers: { authorization }, signal: closing.signal });
  if (!response.ok || !response.body) throw new Error(`The stream answered ${response.status}: ${await response.text()}`);
  const events: ReceivedEvent[] = [];
  const watchers = new Set<() => void>();
  let failure: Error | undefined;
  const { body } = response;

  const read = async () => {
    const decoder = createEventDecoder();
    for await (const bytes of body) {
      const receivedAt = nowMs();
      for (const data of decoder.push(bytes)) {
        const { type, processed_at } = Wire.parse(JSON.parse(data));
        events.push({ type, receivedAt, processedAt: processed_at ? Date.parse(processed_at) : undefined });
      }
      for (const watcher of watchers) watcher();
    }
    throw new Error('The stream ended.');
  };
  read().catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
    for (const watcher of watchers) watcher();
  });

  return {
    events,
    first: (matches, { signal, after = 0, limitMs = 30_000 }) =>
      new Promise((resolve, reject) => {
        const settle = (outcome: () => void) => {
          watchers.delete(look);
          clearTimeout(timer);
          signal.removeEventListener('abort', stop);
          outcome();
        };
        const look = () => {
          const found = events.slice(after).find(matches);
          if (found) return settle(() => resolve(found));
          const { message } = failure ?? {};
          if (message) settle(() => reject(new Error(`The awaited event did not come: ${message}`)));
        };
        const stop = () => settle(() => reject(new Error('stopped while waiting for an event')));
        const timer = setTimeout(() => settle(() => reject(new Error(`The awaited event did not come within ${limitMs / 1_000} s.`))), limitMs);
        signal.addEventListener('abort', stop, { once: true });
        watchers.add(look);
        look();
      }),
    close: () => closing.abort(),
  };
}
