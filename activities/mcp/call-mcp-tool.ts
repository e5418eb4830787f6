import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import type { ServerTraffic } from '../egress/traffic.port.js';
import type { RemoteTool } from '../tools/run-remote.js';
import { accessTo, type BearerSource, findBearer } from './bearer.js';
import type { McpPort } from './mcp.port.js';
import { toResultBlocks } from './result-blocks.js';

/** Longest time one call of an MCP tool may take, in milliseconds. */
export const MCP_CALL_TIMEOUT_MS = 300_000;

/** Calls of MCP tools, at the server the session's agent names. */
export const createCallMcpTool =
  (deps: { readonly mcp: McpPort; readonly bearerFor: BearerSource; readonly traffic: ServerTraffic; readonly timeoutMs?: number }): RemoteTool =>
  async ({ call, input, session }, signal) => {
    const server = session.agent.mcp_servers.find(({ name }) => name === call.mcpServerName);
    if (!server) return failed(`The agent has no MCP server named ${JSON.stringify(call.mcpServerName)} any more. Nothing was run.`);
    const { workspaceId, vaultIds } = session;
    const found = await findBearer(deps.bearerFor, { workspaceId, vaultIds, url: server.url });
    if (found.kind === 'unreadable') return failed(`${found.message} Nothing was run.`);
    const answer = await deps.mcp.callTool(
      accessTo(server.url, found.bearer),
      { name: call.name, input },
      { signal, timeoutMs: deps.timeoutMs ?? MCP_CALL_TIMEOUT_MS, traffic: deps.traffic.of({ sessionId: session.id, workspaceId }, [call.id]) },
    );
    switch (answer.kind) {
      case 'answered':
        return { kind: 'done', outcome: { status: 'completed', content: toResultBlocks(answer.result), is_error: answer.result.isError } };
      case 'refused':
        return failed(answer.message);
      case 'unknown':
        return answer;
    }
  };

const failed = (text: string): { kind: 'done'; outcome: ToolOutcome } => ({
  kind: 'done',
  outcome: { status: 'completed', is_error: true, content: [{ type: 'text', text }] },
});
