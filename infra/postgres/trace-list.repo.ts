import type { AttemptRecord } from '../../workflows/contract/records.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Transaction } from './transaction.js';

/** The attempts of a session, in the order they began. */
export async function listAttempts(tx: Transaction, sessionId: string, page: PageRequest): Promise<Page<AttemptRecord>> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.after('started_at', page);
  const { rows } = await tx.query<AttemptRecord & { position: Position }>(
    `select id, turn, step, kind, name, key, attempt, retried_because as "retriedBecause", outcome, error_code as "errorCode",
       error_message as "errorMessage", usage, detail, started_at as "startedAt", ended_at as "endedAt", ${positionOf('started_at')}
     from attempts ${where.sql} order by started_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}
