import type { InboxItem, StoredEvent } from '../../workflows/contract/records.js';
import { createFilter, type TimeRange, withinBytes } from './page.js';
import type { Transaction } from './transaction.js';

export interface EventFilter {
  readonly types?: readonly string[] | undefined;
  /** Compared with the time of processing. */
  readonly processedAt?: TimeRange | undefined;
}

export interface EventPageRequest {
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  /** Log events on the far side of this number, inputs on the far side of that position. */
  readonly seq?: number | undefined;
  readonly position?: number | undefined;
}

/** Rows of one page, and whether there are more. It ends where it gets too heavy. */
export interface Stretch<Row> {
  readonly rows: readonly Weighed<Row>[];
  readonly more: boolean;
}

type Weighed<Row> = Row & { /** Of its body. */ readonly bytes: number };

/** Events of the log. */
export async function listEvents(tx: Transaction, sessionId: string, page: EventPageRequest, filter: EventFilter): Promise<Stretch<StoredEvent>> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.where(page.seq, (parameter) => `seq ${page.order === 'asc' ? '>' : '<'} ${parameter}`);
  where.where(filter.types, (parameter) => `type = any(${parameter})`);
  where.within('processed_at', filter.processedAt);
  const { rows } = await tx.query<Found<StoredEvent>>(
    withinBytes(
      `select seq, id, type, body, bytes, null as provider, processed_at as "processedAt" from events ${where.sql}
       order by seq ${page.order} limit ${where.bind(page.limit + 1)}`,
      `seq ${page.order}`,
    ),
    where.values,
  );
  return toStretch(rows, page.limit);
}

/** Accepted inputs that no step has taken yet. */
export async function listQueuedInputs(tx: Transaction, sessionId: string, page: EventPageRequest, filter: EventFilter): Promise<Stretch<InboxItem>> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.where(page.position, (parameter) => `position ${page.order === 'asc' ? '>' : '<'} ${parameter}`);
  where.where(filter.types, (parameter) => `type = any(${parameter})`);
  const { rows } = await tx.query<Found<InboxItem>>(
    withinBytes(
      `select id, position, type, body, bytes, created_at as "createdAt" from inbox ${where.sql}
       order by position ${page.order} limit ${where.bind(page.limit + 1)}`,
      `position ${page.order}`,
    ),
    where.values,
  );
  return toStretch(rows, page.limit);
}

/** Events after a number, for a reader that follows the log. */
export async function followEvents(tx: Transaction, sessionId: string, after: number, limit: number): Promise<Stretch<StoredEvent>> {
  const { rows } = await tx.query<Found<StoredEvent>>({
    name: 'follow_events',
    text: withinBytes(
      `select seq, id, type, body, bytes, null as provider, processed_at as "processedAt" from events
       where session_id = $1 and seq > $2 order by seq limit $3`,
      'seq',
    ),
    values: [sessionId, after, limit + 1],
  });
  return toStretch(rows, limit);
}

type Found<Row> = Weighed<Row> & { readonly found: number };

function toStretch<Row>(rows: readonly Found<Row>[], limit: number): Stretch<Row> {
  const shown = rows.slice(0, limit);
  return { rows: shown, more: (rows[0]?.found ?? 0) > shown.length };
}

/** Number of the event that ended the session, if it ended. */
export async function findTermination(tx: Transaction, sessionId: string): Promise<number | undefined> {
  const { rows } = await tx.query<{ seq: number }>(
    `select seq from events where session_id = $1 and type = 'session.status_terminated' order by seq desc limit 1`,
    [sessionId],
  );
  return rows[0]?.seq;
}

/** An event's number in the log; undefined while it is not there. */
export async function findEventSeq(tx: Transaction, sessionId: string, eventId: string): Promise<number | undefined> {
  const { rows } = await tx.query<{ seq: number }>('select seq from events where session_id = $1 and id = $2', [sessionId, eventId]);
  return rows[0]?.seq;
}
