import type { McpToolList } from '../../workflows/contract/records.js';
import { toJsonb, toText } from './json.js';
import type { Transaction } from './transaction.js';

/** What the session's MCP servers offered when they were last asked. */
export async function readMcpTools(tx: Transaction, sessionId: string): Promise<McpToolList[]> {
  const { rows } = await tx.query<McpToolList>({
    name: 'read_mcp_tools',
    text: 'select server_name as "serverName", turn, tools from mcp_tool_lists where session_id = $1 order by server_name',
    values: [sessionId],
  });
  return rows;
}

/** As if the session's servers had never been asked. */
export async function forgetMcpTools(tx: Transaction, sessionId: string): Promise<void> {
  await tx.query('delete from mcp_tool_lists where session_id = $1', [sessionId]);
}

/** Keeps lists, each in the place of what its server offered before. */
export async function saveMcpTools(tx: Transaction, sessionId: string, lists: readonly McpToolList[]): Promise<void> {
  for (const { serverName, turn, tools } of lists) {
    await tx.query({
      name: 'save_mcp_tools',
      text: `insert into mcp_tool_lists (session_id, workspace_id, server_name, turn, tools) values ($1, $2, $3, $4, $5)
        on conflict (session_id, server_name) do update set turn = excluded.turn, tools = excluded.tools, listed_at = clock_timestamp()`,
      values: [sessionId, tx.workspaceId, toText(serverName), turn, toJsonb(tools)],
    });
  }
}
