import { toJsonb } from './json.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** One line of the audit: a request or a tunnel of a sandbox. */
export interface EgressRequest {
  readonly sessionId: string;
  /** Of the sandbox. */
  readonly generation: number;
  readonly protocol: 'http' | 'https' | 'websocket' | 'tunnel';
  readonly host: string;
  readonly port: number;
  readonly method: string | null;
  /** Without secrets. */
  readonly path: string | null;
  readonly decision: 'allow' | 'deny';
  readonly rule: string;
  /** HTTP status as the sandbox got it. */
  readonly status: number | null;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly credentialIds: readonly string[];
  readonly error: string | null;
  readonly startedAt: Date;
  readonly durationMs: number;
}

/**
 * Writes lines of one workspace; those of sessions that are gone are left out. Which tool calls were open when a request
 * began is found here, from when each call was appended and finished.
 */
export async function insertEgressRequests(tx: Transaction, requests: readonly EgressRequest[]): Promise<void> {
  await tx.query({
    name: 'insert_egress_requests',
    text: `insert into egress_requests (session_id, workspace_id, generation, protocol, host, port, method, path, decision, rule, status, bytes_up, bytes_down,
        credential_ids, error, started_at, duration_ms, tool_call_ids)
      select r."sessionId", $1, r.generation, r.protocol, r.host, r.port, r.method, r.path, r.decision, r.rule, r.status, r."bytesUp", r."bytesDown",
        array(select jsonb_array_elements_text(r."credentialIds")), r.error, r."startedAt", r."durationMs",
        array(select c.id from tool_calls c join events e on e.id = c.id
          where c.session_id = r."sessionId" and c.kind = 'sandbox' and e.processed_at <= r."startedAt" and (c.finished_at is null or c.finished_at >= r."startedAt")
          order by c.step, c.ordinal)
      from jsonb_to_recordset($2::jsonb) as r("sessionId" text, generation integer, protocol text, host text, port integer, method text, path text, decision text,
        rule text, status integer, "bytesUp" bigint, "bytesDown" bigint, "credentialIds" jsonb, error text, "startedAt" timestamptz, "durationMs" integer)
      where exists (select 1 from sessions s where s.id = r."sessionId")`,
    values: [tx.workspaceId, toJsonb(requests)],
  });
}

export interface EgressTotals {
  readonly requests: number;
  /** Both ways together. */
  readonly bytes: number;
}

export async function readEgressTotals(tx: Transaction, sessionId: string): Promise<EgressTotals> {
  const { rows } = await tx.query<EgressTotals>(
    `select count(*) as requests, coalesce(sum(bytes_up + bytes_down), 0)::bigint as bytes from egress_requests where session_id = $1`,
    [sessionId],
  );
  return only(rows);
}
