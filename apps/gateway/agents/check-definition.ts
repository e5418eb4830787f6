import { RondoError } from '../../../workflows/contract/errors.js';
import { type AgentDefinition, type McpServer, type ResolvedTool, type ResolvedToolset, TOOLSET_NAMES } from '../../../workflows/contract/schema/agent.js';
import type { UrlSource } from '../../../workflows/contract/schema/web-tools.js';

const MOST_TOOLS = 256;

/** What holds between the fields of an agent, whichever of them a request gave. Errors: `request.invalid`, naming the field. */
export function checkDefinition({ tools, mcp_servers }: Pick<AgentDefinition, 'tools' | 'mcp_servers'>): void {
  refuseDoubleNames(tools);
  refuseTooMany(tools);
  checkServers(mcp_servers, tools);
  for (const [index, tool] of tools.entries()) if (tool.type === 'agent_toolset_20260401') checkUrlSources(tool, index, tools);
}

const invalid = (field: string, problem: string): RondoError => new RondoError('request.invalid', `${field}: ${problem}`);

/** A set that refuses what it has. */
function createClaims(what = 'names must be unique') {
  const seen = new Set<string>();
  return (name: string, field: string) => {
    if (seen.has(name)) throw invalid(field, `${JSON.stringify(name)} is given twice; ${what}`);
    seen.add(name);
  };
}

/** The tools of one MCP server are named apart from all others: the model sees them under their server's name. */
function refuseDoubleNames(tools: readonly ResolvedTool[]): void {
  const claim = createClaims();
  for (const [index, tool] of tools.entries()) {
    if (tool.type === 'custom') {
      claim(tool.name, `tools[${index}].name`);
      continue;
    }
    const claimConfig = tool.type === 'mcp_toolset' ? createClaims() : claim;
    if (tool.type === 'agent_toolset_20260401') claim(tool.type, `tools[${index}].type`);
    for (const [position, config] of tool.configs.entries()) claimConfig(config.name, `tools[${index}].configs[${position}].name`);
  }
}

/** An MCP server's tools are not known here; those with a setting of their own count. */
function refuseTooMany(tools: readonly ResolvedTool[]): void {
  const sizeOf = (tool: ResolvedTool) => (tool.type === 'custom' ? 1 : tool.type === 'mcp_toolset' ? Math.max(1, tool.configs.length) : TOOLSET_NAMES.length);
  const total = tools.reduce((sum, tool) => sum + sizeOf(tool), 0);
  if (total > MOST_TOOLS) throw invalid('tools', `these are ${total} tools over all toolsets; at most ${MOST_TOOLS} are accepted`);
}

function checkServers(servers: readonly McpServer[], tools: readonly ResolvedTool[]): void {
  const claimName = createClaims();
  for (const [index, { name }] of servers.entries()) claimName(name, `mcp_servers[${index}].name`);
  const known = new Set(servers.map(({ name }) => name));
  const used = new Set<string>();
  const claimServer = createClaims('one mcp_toolset takes all tools of a server');
  for (const [index, tool] of tools.entries()) {
    if (tool.type !== 'mcp_toolset') continue;
    const field = `tools[${index}].mcp_server_name`;
    if (!known.has(tool.mcp_server_name)) throw invalid(field, `there is no server named ${JSON.stringify(tool.mcp_server_name)} in mcp_servers`);
    claimServer(tool.mcp_server_name, field);
    used.add(tool.mcp_server_name);
  }
  const unused = servers.findIndex(({ name }) => !used.has(name));
  if (unused >= 0)
    throw invalid(`mcp_servers[${unused}]`, `no tool uses it; add {"type":"mcp_toolset","mcp_server_name":${JSON.stringify(servers[unused]?.name)}} to tools`);
}

/** Names in a filter of `web_fetch` are those of tools there are. */
function checkUrlSources(toolset: ResolvedToolset, index: number, tools: readonly ResolvedTool[]): void {
  const custom = new Set(tools.flatMap((tool) => (tool.type === 'custom' ? [tool.name] : [])));
  const server = new Set(['web_search', 'web_fetch']);
  for (const [position, config] of toolset.configs.entries()) {
    if (config.name !== 'web_fetch' || !config.url_sources) continue;
    const field = `tools[${index}].configs[${position}].url_sources`;
    const check = (source: UrlSource | null, key: string, names: ReadonlySet<string>, accepted: string) => {
      const unknown = source && 'tools' in source ? source.tools.find(({ name }) => !names.has(name)) : undefined;
      if (unknown) throw invalid(`${field}.${key}`, `${JSON.stringify(unknown.name)} is not ${accepted}`);
    };
    check(config.url_sources.client_tool_results, 'client_tool_results', custom, 'a custom tool of this agent');
    check(config.url_sources.server_tool_results, 'server_tool_results', server, '"web_search" or "web_fetch"');
  }
}
