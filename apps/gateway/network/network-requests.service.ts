import { listNetworkRequests } from '../../../infra/postgres/network-request-list.repo.js';
import type { PageRequest } from '../../../infra/postgres/page.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import type { NetworkRequestListQuery } from '../../../workflows/contract/schema/list-query.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { toNetworkRequestWire } from './network-request.wire.js';

/** Rows read at a time for an export. */
const EXPORT_ROWS = 1_000;

export class NetworkRequestsService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A page of the audit of a session, or of the workspace. Errors: `session.not_found`, `request.invalid`. */
  async list(workspaceId: string, sessionId: string | undefined, query: NetworkRequestListQuery) {
    const page = readPage(query);
    return oneWay(page.toWire(await this.#read(workspaceId, sessionId, query, page.request), toNetworkRequestWire));
  }

  /** From where the query begins to the end, one item in each line; read as fast as it is taken. Errors: as `list`, before the first line. */
  async export(workspaceId: string, sessionId: string | undefined, query: NetworkRequestListQuery): Promise<AsyncIterable<string>> {
    const { request } = readPage(query);
    const read = (after: PageRequest['after']) => this.#read(workspaceId, sessionId, query, { ...request, limit: EXPORT_ROWS, after });
    const first = await read(request.after);
    return (async function* lines() {
      for (let page = first; ; page = await read(page.items.at(-1)?.position)) {
        for (const item of page.items) yield `${JSON.stringify(toNetworkRequestWire(item))}\n`;
        if (!page.more) return;
      }
    })();
  }

  #read(workspaceId: string, sessionId: string | undefined, query: NetworkRequestListQuery, page: PageRequest) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      if (sessionId !== undefined) await getSession(tx, sessionId);
      return listNetworkRequests(tx, { sessionId, recordedAt: query.created_at }, page);
    });
  }
}
