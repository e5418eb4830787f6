import type { InvocationRecord, JsonObject, Usage } from '../../workflows/contract/records.js';
import type { InvocationStatus } from '../../workflows/contract/schema/invoke.js';
import { toJsonb } from './json.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, session_id as "sessionId", input_event_id as "inputEventId", request_hash as "requestHash", status, stop_reason as "stopReason", output,
  usage, steps, created_at as "createdAt", started_at as "startedAt", first_model_request_at as "firstModelRequestAt", ended_at as "endedAt"`;

export interface NewInvocation {
  readonly id: string;
  readonly sessionId: string;
  readonly inputEventId: string;
  readonly idempotencyKey: string | null;
  readonly requestHash: string | null;
}

export async function insertInvocation(tx: Transaction, invocation: NewInvocation): Promise<InvocationRecord> {
  const { rows } = await tx.query<InvocationRecord>(
    `insert into invocations (id, workspace_id, session_id, input_event_id, idempotency_key, request_hash)
     values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
    [invocation.id, tx.workspaceId, invocation.sessionId, invocation.inputEventId, invocation.idempotencyKey, invocation.requestHash],
  );
  return only(rows);
}

export async function findInvocation(tx: Transaction, id: string): Promise<InvocationRecord | undefined> {
  const { rows } = await tx.query<InvocationRecord>(`select ${COLUMNS} from invocations where id = $1`, [id]);
  return rows[0];
}

export async function findInvocationByKey(tx: Transaction, idempotencyKey: string): Promise<InvocationRecord | undefined> {
  const { rows } = await tx.query<InvocationRecord>(`select ${COLUMNS} from invocations where idempotency_key = $1`, [idempotencyKey]);
  return rows[0];
}

export async function startInvocations(tx: Transaction, sessionId: string, inputEventIds: readonly string[]): Promise<void> {
  await tx.query({
    name: 'start_invocations',
    text: `update invocations set status = 'running', started_at = coalesce(started_at, clock_timestamp()),
        first_model_request_at = coalesce(first_model_request_at, clock_timestamp())
      where session_id = $1 and ended_at is null and input_event_id = any($2)`,
    values: [sessionId, inputEventIds],
  });
}

export async function moveInvocations(
  tx: Transaction,
  sessionId: string,
  to: {
    readonly status: InvocationStatus;
    readonly stopReason: JsonObject | null;
    readonly output?: readonly unknown[];
    readonly usage: Usage;
    readonly includeQueued?: boolean;
  },
): Promise<void> {
  const ended = !['queued', 'running', 'requires_action'].includes(to.status);
  await tx.query({
    name: 'move_invocations',
    text: `update invocations set status = $2, stop_reason = $3, output = coalesce($4, output), usage = $5, steps = $6,
        ended_at = case when $7 then clock_timestamp() end
      where session_id = $1 and ended_at is null and (started_at is not null or $8)`,
    values: [
      sessionId,
      to.status,
      to.stopReason && toJsonb(to.stopReason),
      to.output === undefined ? null : toJsonb(to.output),
      toJsonb(to.usage),
      to.usage.steps,
      ended,
      to.includeQueued ?? false,
    ],
  });
}
