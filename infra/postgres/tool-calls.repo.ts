import type { Decision, NewToolCall, ToolCallRecord } from '../../workflows/contract/records.js';
import { toText } from './json.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, step, ordinal, name, kind, mcp_server_name as "mcpServerName", permission, decide_by as "decideBy", decision, decided_by as "decidedBy", deny_message as "denyMessage",
  answered_at as "answeredAt", finished_at as "finishedAt"`;

export async function insertToolCalls(tx: Transaction, sessionId: string, calls: readonly NewToolCall[]): Promise<void> {
  for (const call of calls) {
    await tx.query({
      name: 'insert_tool_call',
      text: `insert into tool_calls (id, session_id, workspace_id, step, ordinal, name, kind, mcp_server_name, permission, decide_by, finished_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, case when $11 then clock_timestamp() end)`,
      values: [
        call.id,
        sessionId,
        tx.workspaceId,
        call.step,
        call.ordinal,
        toText(call.name),
        call.kind,
        call.mcpServerName,
        call.permission,
        call.decideBy,
        call.finished,
      ],
    });
  }
}

export async function findToolCall(tx: Transaction, sessionId: string, id: string): Promise<ToolCallRecord | undefined> {
  const { rows } = await tx.query<ToolCallRecord>(`select ${COLUMNS} from tool_calls where id = $1 and session_id = $2`, [id, sessionId]);
  return rows[0];
}

export async function openToolCalls(tx: Transaction, sessionId: string): Promise<ToolCallRecord[]> {
  const { rows } = await tx.query<ToolCallRecord>({
    name: 'open_tool_calls',
    text: `select ${COLUMNS} from tool_calls where session_id = $1 and finished_at is null order by step, ordinal`,
    values: [sessionId],
  });
  return rows;
}

/** First decision wins, whichever door it came by. */
export async function decideToolCall(tx: Transaction, id: string, decision: Decision): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update tool_calls set decision = $2, decided_by = $3, deny_message = $4, decided_at = clock_timestamp()
     where id = $1 and decision is null and finished_at is null`,
    [id, decision.result, toText(decision.by), decision.denyMessage === null ? null : toText(decision.denyMessage)],
  );
  return rowCount === 1;
}

/** First answer wins. */
export async function answerToolCall(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query('update tool_calls set answered_at = clock_timestamp() where id = $1 and answered_at is null and finished_at is null', [
    id,
  ]);
  return rowCount === 1;
}

export async function finishToolCall(tx: Transaction, id: string): Promise<void> {
  await tx.query('update tool_calls set finished_at = clock_timestamp() where id = $1 and finished_at is null', [id]);
}
