import type { NetworkQuestion } from '../../workflows/contract/network-records.js';
import { newId } from '../ids.js';
import { toText } from './json.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** What is asked. */
export type NewQuestion = Pick<NetworkQuestion, 'host' | 'port' | 'method'> & { readonly timeoutMs: number };

export interface QuestionAnswer {
  readonly result: 'allow' | 'deny';
  readonly scope: 'once' | 'session';
}

const COLUMNS = 'id, host, port, method, expires_at as "expiresAt", answer, scope';

/** A session that asks about everything would bury its people. */
const MOST_OPEN = 20;

/**
 * The open question for a host, port and method; a new one where there is none. The session's row must be locked. Undefined
 * when too many of its questions are open.
 */
export async function openQuestion(
  tx: Transaction,
  sessionId: string,
  asked: NewQuestion,
): Promise<{ readonly question: NetworkQuestion; readonly isNew: boolean } | undefined> {
  await tx.query(
    `update network_questions set answer = 'expired', answered_at = clock_timestamp()
     where session_id = $1 and answer is null and expires_at <= clock_timestamp()`,
    [sessionId],
  );
  const { rows: open } = await tx.query<NetworkQuestion>(
    `select ${COLUMNS} from network_questions
     where session_id = $1 and host = $2 and port = $3 and method is not distinct from $4 and answer is null`,
    [sessionId, asked.host, asked.port, asked.method],
  );
  if (open[0]) return { question: open[0], isNew: false };
  const { rowCount } = await tx.query('select 1 from network_questions where session_id = $1 and answer is null limit $2', [sessionId, MOST_OPEN]);
  if (rowCount === MOST_OPEN) return undefined;
  const { rows } = await tx.query<NetworkQuestion>(
    `insert into network_questions (id, session_id, workspace_id, host, port, method, expires_at)
     values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7 * interval '1 millisecond') returning ${COLUMNS}`,
    [newId('event'), sessionId, tx.workspaceId, asked.host, asked.port, asked.method === null ? null : toText(asked.method), asked.timeoutMs],
  );
  return { question: only(rows), isNew: true };
}

export async function findQuestion(tx: Transaction, sessionId: string, id: string): Promise<NetworkQuestion | undefined> {
  const { rows } = await tx.query<NetworkQuestion>(`select ${COLUMNS} from network_questions where session_id = $1 and id = $2`, [sessionId, id]);
  return rows[0];
}

/** First answer wins: `answered` false when there was one, or the time is over. Undefined when the session has no such question. */
export async function answerQuestion(
  tx: Transaction,
  sessionId: string,
  id: string,
  answer: QuestionAnswer,
): Promise<{ readonly answered: boolean } | undefined> {
  const { rows } = await tx.query(
    `update network_questions set answer = $3, scope = $4, answered_at = clock_timestamp()
     where session_id = $1 and id = $2 and answer is null and expires_at > clock_timestamp() returning id`,
    [sessionId, id, answer.result, answer.scope],
  );
  if (rows.length === 1) return { answered: true };
  return (await findQuestion(tx, sessionId, id)) ? { answered: false } : undefined;
}

/** Closes a question whose time is over; answers what it came to, since somebody may have answered in the last moment. */
export async function expireQuestion(tx: Transaction, sessionId: string, id: string): Promise<NetworkQuestion | undefined> {
  await tx.query(`update network_questions set answer = 'expired', answered_at = clock_timestamp() where session_id = $1 and id = $2 and answer is null`, [
    sessionId,
    id,
  ]);
  return findQuestion(tx, sessionId, id);
}

/** Notes whether requests of the session's sandbox wait for an open question. */
export async function holdForQuestion(tx: Transaction, sessionId: string, id: string, held: boolean): Promise<void> {
  await tx.query('update network_questions set held = $3 where session_id = $1 and id = $2 and answer is null and held <> $3', [sessionId, id, held]);
}

/**
 * Until when calls of the session's sandbox are held, unless something changes before; undefined when none is. This is the one
 * bound on how long a call may stand still: nobody seems to be there once a question has gone unanswered while calls run, so from then
 * on the others hold nothing, until those calls have ended. One call so stands still for as long as people answer, and then
 * once for the time that an answer has.
 */
export async function heldUntil(tx: Transaction, sessionId: string): Promise<Date | undefined> {
  const { rows } = await tx.query<{ until: Date | null }>(
    `select min(expires_at) as until from network_questions where session_id = $1 and answer is null and expires_at > clock_timestamp()
     having bool_or(held) and not exists (
       select 1 from network_questions unanswered where session_id = $1 and coalesce(answer, 'expired') = 'expired'
         and expires_at <= clock_timestamp() and expires_at > (${OLDEST_CALL}))`,
    [sessionId],
  );
  return rows[0]?.until ?? undefined;
}

/** When the first of the sandbox's calls that run now began; another attempt at one goes on with it. */
const OLDEST_CALL = `select min(a.started_at) from tool_calls c join events e on e.id = c.id
  join attempts a on a.session_id = c.session_id and a.started_at >= e.processed_at and a.key = c.id and a.kind = 'tool_call'
  where c.session_id = $1 and c.kind = 'sandbox' and c.finished_at is null`;
