import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { SessionRecord } from '../../../workflows/contract/records.js';
import type { ThreadListQuery } from '../../../workflows/contract/schema/list-query.js';
import { badCursor } from '../http/page-cursor.js';
import { notFound } from '../http/path-id.js';
import { toPrimaryThreadWire } from './thread.wire.js';

/** The threads of a session. Every session has its primary one; nothing makes others yet. */
export class ThreadsService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async list(workspaceId: string, sessionId: string, query: ThreadListQuery) {
    const session = await transaction(this.#pool, workspaceId, (tx) => getSession(tx, sessionId));
    // One page holds all there is, so no cursor was ever given out.
    if (query.page !== undefined) throw badCursor();
    const threads = [toPrimaryThreadWire(session)].filter(({ status }) => query.statuses?.includes(status) ?? true);
    return { data: threads, next_page: null };
  }

  async retrieve(workspaceId: string, sessionId: string, threadId: string) {
    return toPrimaryThreadWire(await this.require(workspaceId, sessionId, threadId));
  }

  /** The primary thread ends with its session only. */
  async archive(workspaceId: string, sessionId: string, threadId: string): Promise<never> {
    await this.require(workspaceId, sessionId, threadId);
    throw new RondoError('request.invalid', `Thread ${threadId} is the primary thread of session ${sessionId}; archive the session instead.`);
  }

  /** The session of a thread. Errors: `session.not_found`, `thread.not_found`. */
  async require(workspaceId: string, sessionId: string, threadId: string): Promise<SessionRecord> {
    const session = await transaction(this.#pool, workspaceId, (tx) => getSession(tx, sessionId));
    if (session.primaryThreadId !== threadId) throw notFound('thread', threadId);
    return session;
  }
}
