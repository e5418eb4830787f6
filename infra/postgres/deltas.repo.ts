import type { Transaction } from './transaction.js';

/** A piece of text on its way. */
export interface DeltaRecord {
  readonly position: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly attempt: number;
  readonly block: number;
  readonly text: string;
}

/**
 * Pieces after a position, of each event's newest attempt, while the event itself is not in the log. Answers none while the log is ahead of `seq`: the pieces belong
 * behind those events, so the reader takes the events first. One statement, so both are seen at the same moment.
 */
export async function followDeltas(
  tx: Transaction,
  sessionId: string,
  options: { readonly seq: number; readonly after: number; readonly types: readonly string[]; readonly limit: number },
): Promise<DeltaRecord[]> {
  const { rows } = await tx.query<DeltaRecord>({
    name: 'follow_deltas',
    text: `select d.position, d.event_id as "eventId", d.event_type as "eventType", d.attempt, d.block, d.text
      from deltas d
      where d.session_id = $1 and d.position > $2 and d.event_type = any($4)
        and not exists (select 1 from deltas later where later.event_id = d.event_id and later.attempt > d.attempt)
        and not exists (select 1 from events e where e.id = d.event_id)
        and exists (select 1 from sessions s where s.id = $1 and s.last_seq = $3)
      order by d.position limit $5`,
    values: [sessionId, options.after, options.seq, options.types, options.limit],
  });
  return rows;
}

/**
 * Drops what is not on its way any more: the pieces of events that are in the log now, or all of them once the model
 * request has ended, also one that ended early and left no event. Unlogged and without a foreign key: nothing else does.
 */
export async function dropDeltas(tx: Transaction, sessionId: string, events: readonly string[] | 'all'): Promise<void> {
  const all = events === 'all';
  await tx.query({
    name: 'drop_deltas',
    text: 'delete from deltas where session_id = $1 and ($2 or event_id = any($3))',
    values: [sessionId, all, all ? [] : events],
  });
}
