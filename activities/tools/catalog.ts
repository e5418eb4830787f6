import type { McpToolList, SessionRecord, ToolCallKind, ToolCallRecord } from '../../workflows/contract/records.js';
import type { PermissionPolicy, ResolvedTool, ResolvedToolset } from '../../workflows/contract/schema/agent.js';
import type { ModelTool } from '../model/model.port.js';
import { SANDBOX_TOOLS } from '../sandbox/toolset.js';
import { WEB_TOOLS } from '../web/web-tools.js';
import { mcpToolName } from './mcp-name.js';

const sandboxTools = new Map(SANDBOX_TOOLS.map((tool) => [tool.name as string, tool]));

/** Whether a call of this tool may change the workspace. Such calls of one step run one after another. */
export const changesWorkspace = (call: Pick<ToolCallRecord, 'kind' | 'name'>): boolean =>
  call.kind === 'sandbox' && (sandboxTools.get(call.name)?.changesWorkspace ?? false);

/** Whether a call needs no sandbox: it goes to an MCP server, or Rondo answers it itself. */
export const runsRemotely = ({ kind }: Pick<ToolCallRecord, 'kind'>): boolean => kind === 'mcp' || kind === 'server';

/** The policy decision about one call, before anything runs. */
export interface Evaluation {
  readonly kind: ToolCallKind;
  /** The tool's own name; for an MCP tool without its server's. */
  readonly name: string;
  readonly mcpServerName: string | null;
  readonly permission: ToolCallRecord['permission'];
  readonly policy?: PermissionPolicy['type'];
  /** Why the model gets an error instead of a run. */
  readonly refusal?: string;
}

/** What a session's model may call, and who runs each call. */
export interface ToolCatalog {
  readonly tools: readonly ModelTool[];
  /** Whether any of them runs in a sandbox of ours. */
  readonly usesSandbox: boolean;
  evaluate(name: string, input: unknown): Evaluation;
}

/** One tool of the catalog. A custom tool has no policy: its client decides by answering. */
interface Entry extends ModelTool {
  readonly kind: Exclude<ToolCallKind, 'rejected'>;
  readonly ownName: string;
  readonly mcpServerName: string | null;
  readonly policy?: PermissionPolicy['type'];
}

/**
 * The enabled tools of an agent, in its order. `mcpTools` are the lists its MCP servers gave. Without a search engine
 * `web_search` is not offered; a call of it is still told why. Pure.
 */
export function buildCatalog(
  session: Pick<SessionRecord, 'agent' | 'environmentType'>,
  mcpTools: readonly McpToolList[],
  offers: { readonly webSearch: boolean },
): ToolCatalog {
  const entries = session.agent.tools.flatMap((tool) => entriesOf(tool, session.environmentType, mcpTools));
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const offered = entries.filter(({ name, kind }) => offers.webSearch || kind !== 'server' || name !== 'web_search');
  return {
    tools: offered.map(({ name, description, input_schema }) => ({ name, description, input_schema })),
    usesSandbox: entries.some(({ kind }) => kind === 'sandbox'),
    evaluate: (name, input) => evaluate(byName.get(name), name, input),
  };
}

function entriesOf(tool: ResolvedTool, environmentType: SessionRecord['environmentType'], mcpTools: readonly McpToolList[]): Entry[] {
  switch (tool.type) {
    case 'custom':
      return [{ name: tool.name, description: tool.description, input_schema: tool.input_schema, kind: 'custom', ownName: tool.name, mcpServerName: null }];
    case 'agent_toolset_20260401':
      return [
        ...SANDBOX_TOOLS.map((one) => ({ ...one, kind: environmentType === 'self_hosted' ? ('worker' as const) : ('sandbox' as const) })),
        ...WEB_TOOLS.map((one) => ({ ...one, kind: 'server' as const })),
      ].flatMap(({ name, description, input_schema, kind }) => {
        const { enabled, permission_policy: policy } = settingOf(tool, name);
        return enabled ? [{ name, description, input_schema, kind, ownName: name, mcpServerName: null, policy: policy.type }] : [];
      });
    case 'mcp_toolset':
      return (mcpTools.find(({ serverName }) => serverName === tool.mcp_server_name)?.tools ?? [])
        .filter(({ name }) => settingOf(tool, name).enabled)
        .map(({ name, description, inputSchema }) => ({
          name: mcpToolName(tool.mcp_server_name, name),
          description,
          input_schema: inputSchema,
          kind: 'mcp',
          ownName: name,
          mcpServerName: tool.mcp_server_name,
          policy: settingOf(tool, name).permission_policy.type,
        }));
  }
}

type Setting = ResolvedToolset['default_config'];

/** A tool's own setting, or the toolset's default. */
const settingOf = (toolset: { readonly default_config: Setting; readonly configs: readonly (Setting & { readonly name: string })[] }, name: string): Setting =>
  toolset.configs.find((config) => config.name === name) ?? toolset.default_config;

function evaluate(entry: Entry | undefined, name: string, input: unknown): Evaluation {
  if (!entry) return rejected(name, `There is no tool named ${JSON.stringify(name.slice(0, 128))}. Use one of the tools you were given.`);
  if (!isObject(input)) {
    return rejected(name, `The input of this ${name} call was not a JSON object, perhaps cut off. Nothing was run; send the call again with a complete input.`);
  }
  const { kind, ownName, mcpServerName, policy } = entry;
  if (policy === undefined) return { kind, name: ownName, mcpServerName, permission: 'allow' };
  return { kind, name: ownName, mcpServerName, permission: policy === 'always_allow' ? 'allow' : 'ask', policy };
}

const rejected = (name: string, refusal: string): Evaluation => ({ kind: 'rejected', name, mcpServerName: null, permission: 'deny', refusal });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
