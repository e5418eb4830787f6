import type { SessionRecord, SessionStatus } from '../../workflows/contract/records.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, type TimeRange, toPage, withinBytes } from './page.js';
import { SESSION_COLUMNS } from './sessions.repo.js';
import type { Transaction } from './transaction.js';

export interface SessionFilter {
  readonly agentId?: string | undefined;
  readonly agentVersion?: number | undefined;
  /** Attached to the session. */
  readonly memoryStoreId?: string | undefined;
  /** Statuses as clients see them: an idle session with inputs waiting counts as running. */
  readonly statuses?: readonly SessionStatus[] | undefined;
  readonly createdAt?: TimeRange | undefined;
  readonly includeArchived: boolean;
}

const SEEN_STATUS = `case when status = 'idle' and wake_needed then 'running' else status end`;

export async function listSessions(tx: Transaction, page: PageRequest, filter: SessionFilter): Promise<Page<SessionRecord>> {
  const where = createFilter();
  where.where(filter.agentId, (parameter) => `agent_id = ${parameter}`);
  where.where(filter.agentVersion, (parameter) => `agent_version = ${parameter}`);
  where.where(filter.statuses, (parameter) => `${SEEN_STATUS} = any(${parameter})`);
  where.where(
    filter.memoryStoreId,
    (parameter) => `exists (select 1 from session_resources r where r.session_id = sessions.id and r.body->>'memory_store_id' = ${parameter})`,
  );
  where.within('created_at', filter.createdAt);
  if (!filter.includeArchived) where.raw('archived_at is null');
  where.after('created_at', page);
  const { rows } = await tx.query<SessionRecord & { position: Position }>(
    withinBytes(
      `select ${SESSION_COLUMNS}, ${positionOf('created_at')}, octet_length(agent::text) as bytes from sessions ${where.sql}
       order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
      `"createdAt" ${page.order}, id ${page.order}`,
    ),
    where.values,
  );
  return toPage(rows, page.limit);
}
