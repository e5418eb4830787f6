import type { NetworkRequestRecord } from '../../workflows/contract/network-records.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, type TimeRange, toPage } from './page.js';
import type { Transaction } from './transaction.js';

/** What one session asked of the outside, or all of the workspace, in the order in which it ended. */
export async function listNetworkRequests(
  tx: Transaction,
  filter: { readonly sessionId: string | undefined; readonly recordedAt: TimeRange | undefined },
  page: PageRequest,
): Promise<Page<NetworkRequestRecord>> {
  const where = createFilter();
  if (filter.sessionId === undefined) where.where(tx.workspaceId, (parameter) => `workspace_id = ${parameter}`);
  else where.where(filter.sessionId, (parameter) => `session_id = ${parameter}`);
  where.within('recorded_at', filter.recordedAt);
  where.after('recorded_at', page);
  const { rows } = await tx.query<NetworkRequestRecord & { position: Position }>(
    `select id, session_id as "sessionId", generation, tool_call_ids as "toolCallIds", protocol, host, port, method, path, decision, rule, status,
       bytes_up as "bytesUp", bytes_down as "bytesDown", credential_ids as "credentialIds", error, started_at as "startedAt", duration_ms as "durationMs",
       recorded_at as "recordedAt", ${positionOf('recorded_at')}
     from egress_requests ${where.sql} order by recorded_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}
