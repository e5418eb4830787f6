import type { EgressRequest, EgressTotals } from '../../workflows/contract/network-records.js';
import { newId } from '../ids.js';
import { toJsonb } from './json.js';
import type { Transaction } from './transaction.js';

/**
 * Writes lines of one workspace; those of sessions that are gone are left out. Which calls of the sandbox were open when a
 * request began is found here, from when each call was appended and finished.
 */
export async function insertEgressRequests(tx: Transaction, requests: readonly EgressRequest[]): Promise<void> {
  await tx.query({
    name: 'insert_egress_requests',
    text: `insert into egress_requests (id, session_id, workspace_id, generation, protocol, host, port, method, path, decision, rule, status, bytes_up,
        bytes_down, credential_ids, error, started_at, duration_ms, tool_call_ids)
      select r.id, r."sessionId", $1, r.generation, r.protocol, r.host, r.port, r.method, r.path, r.decision, r.rule, r.status, r."bytesUp", r."bytesDown",
        array(select jsonb_array_elements_text(r."credentialIds")), r.error, r."startedAt", r."durationMs",
        case when jsonb_typeof(r."toolCallIds") = 'array' then array(select jsonb_array_elements_text(r."toolCallIds"))
        else array(select c.id from tool_calls c join events e on e.id = c.id
          where c.session_id = r."sessionId" and c.kind = 'sandbox' and e.processed_at <= r."startedAt" and (c.finished_at is null or c.finished_at >= r."startedAt")
          order by c.step, c.ordinal) end
      from jsonb_to_recordset($2::jsonb) as r(id text, "sessionId" text, generation integer, protocol text, host text, port integer, method text, path text,
        decision text, rule text, status integer, "bytesUp" bigint, "bytesDown" bigint, "credentialIds" jsonb, error text, "startedAt" timestamptz,
        "durationMs" integer, "toolCallIds" jsonb)
      where exists (select 1 from sessions s where s.id = r."sessionId")`,
    values: [tx.workspaceId, toJsonb(requests.map((request) => ({ id: newId('networkRequest'), ...request })))],
  });
}

const NOTHING: EgressTotals = { requests: 0, bytes: 0 };

/** What a session's sandboxes have used, and what Rondo has for it. */
export async function readEgressTotals(tx: Transaction, sessionId: string): Promise<{ readonly sandbox: EgressTotals; readonly server: EgressTotals }> {
  const { rows } = await tx.query<EgressTotals & { readonly asker: 'sandbox' | 'server' }>({
    name: 'read_egress_totals',
    text: 'select asker, requests, bytes from egress_totals where session_id = $1',
    values: [sessionId],
  });
  const of = (asker: 'sandbox' | 'server') => rows.find((row) => row.asker === asker) ?? NOTHING;
  return { sandbox: of('sandbox'), server: of('server') };
}
