import type { McpToolList } from '../../workflows/contract/records.js';
import type { Transaction } from './transaction.js';

/** What the session's MCP servers offered when they were last asked. */
export async function readMcpTools(tx: Transaction, sessionId: string): Promise<McpToolList[]> {
  const { rows } = await tx.query<McpToolList>({
    name: 'read_mcp_tools',
    text: 'select server_name as "serverName", tools from mcp_tool_lists where session_id = $1 order by server_name',
    values: [sessionId],
  });
  return rows;
}
