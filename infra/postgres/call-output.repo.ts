import type { CallOutputPiece } from '../../workflows/contract/sandbox-records.js';
import { toJsonb } from './json.js';
import type { Transaction } from './transaction.js';

export interface CallOutputRecord extends CallOutputPiece {
  readonly position: number;
  readonly callId: string;
}

/** Of each call, for readers that come late. Who reads slower than this misses some. */
const KEPT_BYTES = 256 * 1024;

/**
 * Adds pieces for the newest attempt of a call that is not finished; does nothing for any other. The lock on the claim
 * decides between two attempts, so no piece comes twice.
 */
export async function addCallOutput(
  tx: Transaction,
  sessionId: string,
  { callId, attempt, pieces }: { readonly callId: string; readonly attempt: number; readonly pieces: readonly CallOutputPiece[] },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'lock_call_claim',
    text: 'select 1 from effects where session_id = $1 and key = $2 and attempt = $3 and sealed_at is null for share',
    values: [sessionId, callId, attempt],
  });
  if (rowCount === 0) return false;
  await tx.query({
    name: 'add_call_output',
    text: `insert into call_output (session_id, workspace_id, call_id, begins, bytes, text)
      select $1, $2, $3, (item->>'begins')::bigint, (item->>'bytes')::integer, item->>'text' from jsonb_array_elements($4::jsonb) as item`,
    values: [sessionId, tx.workspaceId, callId, toJsonb(pieces)],
  });
  const { begins = 0, bytes = 0 } = pieces.at(-1) ?? {};
  await tx.query({
    name: 'trim_call_output',
    text: 'delete from call_output where session_id = $1 and call_id = $2 and begins < $3',
    values: [sessionId, callId, begins + bytes - KEPT_BYTES],
  });
  return true;
}

/** Where the published part of a call's output ends. */
export async function endOfCallOutput(tx: Transaction, sessionId: string, callId: string): Promise<number> {
  const { rows } = await tx.query<{ end: number | null }>({
    name: 'end_of_call_output',
    text: 'select max(begins + bytes) as end from call_output where session_id = $1 and call_id = $2',
    values: [sessionId, callId],
  });
  return rows[0]?.end ?? 0;
}

/** Pieces after a position. Answers none while the log is ahead of `seq`: they belong behind the event of their call. */
export async function followCallOutput(
  tx: Transaction,
  sessionId: string,
  options: { readonly seq: number; readonly after: number; readonly limit: number },
): Promise<CallOutputRecord[]> {
  const { rows } = await tx.query<CallOutputRecord>({
    name: 'follow_call_output',
    text: `select position, call_id as "callId", begins, bytes, text from call_output
      where session_id = $1 and position > $2 and exists (select 1 from sessions s where s.id = $1 and s.last_seq = $3)
      order by position limit $4`,
    values: [sessionId, options.after, options.seq, options.limit],
  });
  return rows;
}

/** Drops the output of a call that is finished, or, without one, of all calls of a session. */
export async function dropCallOutput(tx: Transaction, sessionId: string, callId?: string): Promise<void> {
  await tx.query({
    name: 'drop_call_output',
    text: `delete from call_output where session_id = $1 and ($2::text is null or call_id = $2)`,
    values: [sessionId, callId ?? null],
  });
}
