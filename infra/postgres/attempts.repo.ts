import type { AttemptEnd, AttemptRecord, NewAttempt } from '../../workflows/contract/records.js';
import { newId } from '../ids.js';
import { toJsonb, toText } from './json.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, turn, step, kind, name, key, attempt, retried_because as "retriedBecause", outcome, error_code as "errorCode",
  error_message as "errorMessage", usage, detail, started_at as "startedAt", ended_at as "endedAt"`;

/** Opens the rows of attempts with different keys. A row of the same key that never ended belonged to a dead attempt: it is closed as lost. */
export async function insertAttempts(tx: Transaction, sessionId: string, attempts: readonly NewAttempt[]): Promise<string[]> {
  const rows = attempts.map((attempt) => ({ ...attempt, id: newId('attempt'), name: toText(attempt.name), key: toText(attempt.key) }));
  await tx.query({
    name: 'insert_attempts',
    text: `with dead as (
        update attempts set outcome = 'lost', ended_at = clock_timestamp() where session_id = $1 and key = any($3) and ended_at is null returning key
      )
      insert into attempts (id, session_id, workspace_id, turn, step, kind, name, key, attempt, retried_because)
      select n.id, $1, $2, n.turn, n.step, n.kind, n.name, n.key, n.attempt,
        case when exists (select 1 from dead where dead.key = n.key) then 'the attempt before was lost' else (
          select coalesce(error_code, outcome) from attempts
          where session_id = $1 and key = n.key and ended_at is not null order by attempt desc, started_at desc limit 1
        ) end
      from jsonb_to_recordset($4::jsonb) as n (id text, turn integer, step integer, kind text, name text, key text, attempt integer)`,
    values: [sessionId, tx.workspaceId, rows.map(({ key }) => key), toJsonb(rows)],
  });
  return rows.map(({ id }) => id);
}

/** Closes attempts that ended in the same way. */
export async function endAttempts(tx: Transaction, ids: readonly string[], end: AttemptEnd): Promise<void> {
  if (ids.length === 0) return;
  await tx.query({
    name: 'end_attempts',
    text: `update attempts set outcome = $2, error_code = $3, error_message = $4, usage = $5, detail = coalesce($6, detail), ended_at = clock_timestamp()
      where id = any($1) and ended_at is null`,
    values: [ids, end.outcome, end.errorCode ?? null, textOrNull(end.errorMessage), jsonOrNull(end.usage), jsonOrNull(end.detail)],
  });
}

const textOrNull = (value: string | undefined): string | null => (value === undefined ? null : toText(value));
const jsonOrNull = (value: unknown): string | null => (value === undefined ? null : toJsonb(value));

export async function attemptsOfKey(tx: Transaction, sessionId: string, key: string): Promise<AttemptRecord[]> {
  const { rows } = await tx.query<AttemptRecord>(`select ${COLUMNS} from attempts where session_id = $1 and key = $2 order by started_at, id`, [
    sessionId,
    key,
  ]);
  return rows;
}
