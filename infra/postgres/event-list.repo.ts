import type { InboxItem, StoredEvent } from '../../workflows/contract/records.js';
import { createFilter, type TimeRange } from './page.js';
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

/** Events of the log, one more than the limit where there are more. */
export async function listEvents(tx: Transaction, sessionId: string, page: EventPageRequest, filter: EventFilter): Promise<StoredEvent[]> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.where(page.seq, (parameter) => `seq ${page.order === 'asc' ? '>' : '<'} ${parameter}`);
  where.where(filter.types, (parameter) => `type = any(${parameter})`);
  where.within('processed_at', filter.processedAt);
  const { rows } = await tx.query<StoredEvent>(
    `select seq, id, type, body, null as provider, processed_at as "processedAt" from events ${where.sql}
     order by seq ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return rows;
}

/** Accepted inputs that no step has taken yet, one more than the limit where there are more. */
export async function listQueuedInputs(tx: Transaction, sessionId: string, page: EventPageRequest, filter: EventFilter): Promise<InboxItem[]> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.where(page.position, (parameter) => `position ${page.order === 'asc' ? '>' : '<'} ${parameter}`);
  where.where(filter.types, (parameter) => `type = any(${parameter})`);
  const { rows } = await tx.query<InboxItem>(
    `select id, position, type, body, created_at as "createdAt" from inbox ${where.sql} order by position ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return rows;
}

/** Events after a number, for a reader that follows the log. */
export async function followEvents(tx: Transaction, sessionId: string, after: number, limit: number): Promise<StoredEvent[]> {
  const { rows } = await tx.query<StoredEvent>({
    name: 'follow_events',
    text: `select seq, id, type, body, null as provider, processed_at as "processedAt" from events
      where session_id = $1 and seq > $2 order by seq limit $3`,
    values: [sessionId, after, limit],
  });
  return rows;
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
