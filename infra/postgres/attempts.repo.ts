import type { AttemptEnd, AttemptRecord, NewAttempt } from '../../workflows/contract/records.js';
import { newId } from '../ids.js';
import { toJsonb, toText } from './json.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, turn, step, kind, name, key, attempt, retried_because as "retriedBecause", outcome, error_code as "errorCode",
  error_message as "errorMessage", usage, detail, started_at as "startedAt", ended_at as "endedAt"`;

/** Opens an attempt's row. A row of the same key that never ended belonged to a dead attempt: it is closed as lost. */
export async function insertAttempt(tx: Transaction, sessionId: string, attempt: NewAttempt): Promise<string> {
  const id = newId('attempt');
  await tx.query({
    name: 'insert_attempt',
    text: `with dead as (
        update attempts set outcome = 'lost', ended_at = clock_timestamp() where session_id = $2 and key = $8 and ended_at is null returning 1
      ), last as (
        select coalesce(error_code, outcome) as reason from attempts
        where session_id = $2 and key = $8 and ended_at is not null order by attempt desc, started_at desc limit 1
      )
      insert into attempts (id, session_id, workspace_id, turn, step, kind, name, key, attempt, retried_because)
      select $1, $2, $3, $4, $5, $6, $7, $8, $9,
        case when exists (select 1 from dead) then 'the attempt before was lost' else (select reason from last) end`,
    values: [id, sessionId, tx.workspaceId, attempt.turn, attempt.step, attempt.kind, toText(attempt.name), toText(attempt.key), attempt.attempt],
  });
  return id;
}

export async function endAttempt(tx: Transaction, id: string, end: AttemptEnd): Promise<void> {
  await tx.query({
    name: 'end_attempt',
    text: `update attempts set outcome = $2, error_code = $3, error_message = $4, usage = $5, detail = coalesce($6, detail), ended_at = clock_timestamp()
      where id = $1 and ended_at is null`,
    values: [id, end.outcome, end.errorCode ?? null, textOrNull(end.errorMessage), jsonOrNull(end.usage), jsonOrNull(end.detail)],
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
