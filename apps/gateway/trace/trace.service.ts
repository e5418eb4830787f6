import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { listAttempts } from '../../../infra/postgres/trace-list.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import type { TraceQuery } from '../../../workflows/contract/schema/list-query.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { toAttemptWire } from './attempt.wire.js';

export class TraceService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Every attempt of every step of a session, in the order they began. */
  async list(workspaceId: string, sessionId: string, query: TraceQuery) {
    const page = readPage({ ...query, order: 'asc' });
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await getSession(tx, sessionId);
      return listAttempts(tx, sessionId, page.request);
    });
    return oneWay(page.toWire(found, toAttemptWire));
  }
}
