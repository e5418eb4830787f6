import { z } from 'zod';
import { acceptInputs } from '../../../activities/session/accept-inputs.js';
import { newId } from '../../../infra/ids.js';
import { listEvents, listQueuedInputs, type Stretch } from '../../../infra/postgres/event-list.repo.js';
import { PAGE_BYTES } from '../../../infra/postgres/page.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { lockSession, notify } from '../../../infra/postgres/session-store.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { CHANNELS } from '../../../workflows/contract/names.js';
import type { InboxItem, StoredEvent } from '../../../workflows/contract/records.js';
import type { EventListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { EventsSend } from '../../../workflows/contract/schema/session-create.js';
import { badCursor, decodeCursor, encodeCursor } from '../http/page-cursor.js';
import type { Waker } from '../sessions/waker.js';
import { toEventWire, toQueuedWire } from './event.wire.js';

/** How far a list has been read: log events by `seq`, queued inputs by `position`. */
const Cursor = z.object({ order: z.enum(['asc', 'desc']), seq: z.int().optional(), position: z.int().optional() });

export class EventsService {
  readonly #pool: Pool;
  readonly #waker: Waker;

  constructor(pool: Pool, waker: Waker) {
    this.#pool = pool;
    this.#waker = waker;
  }

  /** Accepts a batch of inputs, all or nothing. Once this resolves they are durable, whatever else is down. */
  async send(workspaceId: string, sessionId: string, { events }: EventsSend) {
    const inputs = events.map((event) => ({ id: newId('event'), event }));
    const { record, accepted, wake, stop } = await transaction(this.#pool, workspaceId, async (tx) => {
      const session = await lockSession(tx, sessionId);
      const result = await acceptInputs(session, inputs);
      if (result.stop) await notify(tx, CHANNELS.stop, sessionId);
      return { ...result, record: session.record };
    });
    if (stop) this.#waker.stop(record);
    else if (wake) this.#waker.wake(record);
    return { data: accepted.map(toQueuedWire) };
  }

  /** The whole history, then the inputs that wait (first of all when read backwards). */
  async list(workspaceId: string, sessionId: string, query: EventListQuery) {
    const cursor = query.page === undefined ? { order: query.order } : decodeCursor(Cursor, query.page);
    if (cursor.order !== query.order) throw badCursor();
    const request = { ...cursor, limit: query.limit };
    const filter = { types: query.types, processedAt: query.created_at };
    const { queued, stored } = await transaction(this.#pool, workspaceId, async (tx) => {
      await getSession(tx, sessionId);
      // Inputs first: one that moves into the log in between is then seen twice, never missed.
      const queued = query.created_at ? { rows: [], more: false } : await listQueuedInputs(tx, sessionId, request, filter);
      return { queued, stored: await listEvents(tx, sessionId, request, filter) };
    });
    return toPage(query, cursor, stored, queued);
  }
}

/** One page of the log and the inputs behind it: at most `limit` items, and as many as are not too heavy together. */
function toPage(query: Pick<EventListQuery, 'order' | 'limit'>, cursor: z.infer<typeof Cursor>, stored: Stretch<StoredEvent>, queued: Stretch<InboxItem>) {
  const inLog = new Set(stored.rows.map(({ id }) => id));
  const log = stored.rows.map((event) => ({ wire: toEventWire(event), bytes: event.bytes, seq: event.seq, position: undefined }));
  const inputs = queued.rows
    .filter(({ id }) => !inLog.has(id))
    .map((input) => ({ wire: toQueuedWire(input), bytes: input.bytes, seq: undefined, position: input.position }));
  const [first, second] = query.order === 'asc' ? [{ items: log, more: stored.more }, inputs] : [{ items: inputs, more: queued.more }, log];
  const all = first.more ? first.items : [...first.items, ...second];
  const shown = all.slice(0, Math.min(query.limit, fitting(all)));
  const more = shown.length < all.length || stored.more || queued.more;
  const seq = shown.findLast((item) => item.seq !== undefined)?.seq ?? cursor.seq;
  const position = shown.findLast((item) => item.position !== undefined)?.position ?? cursor.position;
  // Read backwards, the inputs are over as soon as the log begins.
  const inputsOver = query.order === 'desc' && seq !== undefined;
  const next = { order: query.order, seq, position: inputsOver ? 0 : position };
  return { data: shown.map(({ wire }) => wire), next_page: more ? encodeCursor(next) : null };
}

/** How many of these are not too heavy for one page; at least one. */
function fitting(items: readonly { readonly bytes: number }[]): number {
  let weight = 0;
  for (const [index, { bytes }] of items.entries()) {
    weight += bytes;
    if (weight > PAGE_BYTES) return Math.max(1, index);
  }
  return items.length;
}
