import type { InboxItem, JsonObject, NewEvent, StoredEvent } from '../../workflows/contract/records.js';
import { newId } from '../ids.js';
import { toJsonb } from './json.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `seq, id, type, body, provider, processed_at as "processedAt"`;

/**
 * Appends to a session's log. The caller holds the session's row lock, so the numbers given here have no gap and no twin;
 * the plain insert fails loudly if that was ever untrue.
 */
export async function appendEvents(tx: Transaction, sessionId: string, events: readonly NewEvent[]): Promise<StoredEvent[]> {
  if (events.length === 0) return [];
  const records = events.map((event) => ({ id: event.id ?? newId('event'), type: event.type, body: event.body, provider: event.provider ?? null }));
  const { rows } = await tx.query<StoredEvent>({
    name: 'append_events',
    text: `with numbered as (
        update sessions set last_seq = last_seq + $3 where id = $1 returning last_seq - $3 as base
      )
      insert into events (session_id, workspace_id, seq, id, type, body, provider)
      select $1, $2, numbered.base + item.ordinality, item.value->>'id', item.value->>'type', item.value->'body', nullif(item.value->'provider', 'null'::jsonb)
      from numbered, jsonb_array_elements($4::jsonb) with ordinality as item
      order by item.ordinality
      returning ${COLUMNS}`,
    values: [sessionId, tx.workspaceId, records.length, toJsonb(records)],
  });
  return rows.sort((left, right) => left.seq - right.seq);
}

export async function readEvents(tx: Transaction, sessionId: string, range: { readonly after?: number; readonly limit?: number } = {}): Promise<StoredEvent[]> {
  const { rows } = await tx.query<StoredEvent>({
    name: 'read_events',
    text: `select ${COLUMNS} from events where session_id = $1 and seq > $2 order by seq limit $3`,
    values: [sessionId, range.after ?? 0, range.limit ?? null],
  });
  return rows;
}

export async function findEvent(tx: Transaction, sessionId: string, id: string): Promise<StoredEvent | undefined> {
  const { rows } = await tx.query<StoredEvent>(`select ${COLUMNS} from events where id = $1 and session_id = $2`, [id, sessionId]);
  return rows[0];
}

export async function insertInbox(
  tx: Transaction,
  sessionId: string,
  inputs: readonly { readonly id: string; readonly type: string; readonly body: JsonObject }[],
): Promise<void> {
  await tx.query(
    `insert into inbox (session_id, workspace_id, id, type, body)
     select $1, $2, item.value->>'id', item.value->>'type', item.value->'body'
     from jsonb_array_elements($3::jsonb) with ordinality as item order by item.ordinality`,
    [sessionId, tx.workspaceId, toJsonb(inputs)],
  );
}

export async function readInbox(tx: Transaction, sessionId: string): Promise<InboxItem[]> {
  const { rows } = await tx.query<InboxItem>({
    name: 'read_inbox',
    text: 'select id, position, type, body, created_at as "createdAt" from inbox where session_id = $1 order by position',
    values: [sessionId],
  });
  return rows;
}

export async function deleteInbox(tx: Transaction, sessionId: string, ids: readonly string[]): Promise<void> {
  await tx.query('delete from inbox where session_id = $1 and id = any($2)', [sessionId, ids]);
}
