import type { AttemptRecord } from '../../workflows/contract/records.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Transaction } from './transaction.js';

/**
 * The attempts of a session in the order they began, and among them what it asked of the outside. A request belongs to the turn
 * and step of the first call that was open then; without one to none (0).
 */
export async function listAttempts(tx: Transaction, sessionId: string, page: PageRequest): Promise<Page<AttemptRecord>> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.after('started_at', page);
  const inOrder = `order by started_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`;
  const { rows } = await tx.query<AttemptRecord & { position: Position }>(
    `(select id, turn, step, kind, name, key, attempt, retried_because as "retriedBecause", outcome, error_code as "errorCode",
       error_message as "errorMessage", usage, detail, started_at as "startedAt", ended_at as "endedAt", ${positionOf('started_at')}, started_at
     from attempts ${where.sql} ${inOrder})
     union all
     (select r.id, coalesce(a.turn, 0), coalesce(a.step, 0), 'egress', concat_ws(' ', r.method, r.protocol || '://' || r.host || ':' || r.port || coalesce(r.path, '')),
       coalesce(r.tool_call_ids[1], r.id), 1, null, case when r.decision = 'deny' then 'rejected' when r.error is null then 'ok' else 'error' end,
       case when r.decision = 'deny' then 'address.refused' when r.error is not null then 'address.unreachable' end, coalesce(r.error, case when r.decision = 'deny' then r.rule end),
       null::jsonb, jsonb_build_object('decision', r.decision, 'rule', r.rule, 'status', r.status, 'bytes_up', r.bytes_up, 'bytes_down', r.bytes_down,
         'tool_use_ids', r.tool_call_ids, 'credential_ids', r.credential_ids),
       r.started_at, r.started_at + r.duration_ms * interval '1 millisecond', r.position, r.started_at
     from (select *, ${positionOf('started_at')} from egress_requests ${where.sql} ${inOrder}) r
     left join lateral (select turn, step from attempts where session_id = r.session_id and key = r.tool_call_ids[1] order by started_at limit 1) a on true)
     ${inOrder}`,
    where.values,
  );
  return toPage(rows, page.limit);
}
