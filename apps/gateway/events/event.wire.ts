import { z } from 'zod';
import type { JsonObject, StoredEvent } from '../../../workflows/contract/records.js';

export const EventWire = z
  .looseObject({ id: z.string(), type: z.string(), processed_at: z.iso.datetime().nullable() })
  .meta({ id: 'Event', description: 'An event of a session. The further fields depend on its type.' });

/** An event of the log: the same object in lists and on streams. */
export const toEventWire = (event: StoredEvent) => ({
  ...event.body,
  id: event.id,
  type: event.type,
  processed_at: event.processedAt.toISOString() as string | null,
});

/** An input that no step has taken yet. */
export const toQueuedWire = (input: { readonly id: string; readonly type: string; readonly body: JsonObject }) => ({
  ...input.body,
  id: input.id,
  type: input.type,
  processed_at: null,
});
