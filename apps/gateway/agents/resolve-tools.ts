import { RondoError } from '../../../workflows/contract/errors.js';
import type {
  PermissionPolicy,
  ResolvedTool,
  ResolvedToolConfig,
  ToolInput,
  ToolSetting,
  ToolsetConfigInput,
} from '../../../workflows/contract/schema/agent.js';
import type { UrlSource, UrlSources, UrlSourcesInput } from '../../../workflows/contract/schema/web-tools.js';

/** Tools of others ask unless the caller says otherwise; Rondo's own do not (wire section 1). */
const DEFAULT_POLICY = { agent_toolset_20260401: 'always_allow', mcp_toolset: 'always_ask' } as const;

/** Tools as a caller gives them, with every default of the wire filled in (section 1). Errors name the field. */
export const resolveTools = (tools: readonly ToolInput[]): ResolvedTool[] => tools.map(resolveTool);

function resolveTool(tool: ToolInput, index: number): ResolvedTool {
  if (tool.type === 'custom') return tool;
  const field = `tools[${index}]`;
  const defaults: ToolSetting = {
    enabled: tool.default_config?.enabled ?? true,
    permission_policy: supported(tool.default_config?.permission_policy, `${field}.default_config`) ?? { type: DEFAULT_POLICY[tool.type] },
  };
  const settingOf = (config: SettingInput, position: number): ToolSetting => ({
    enabled: config.enabled ?? defaults.enabled,
    permission_policy: supported(config.permission_policy, `${field}.configs[${position}]`) ?? defaults.permission_policy,
  });
  if (tool.type === 'mcp_toolset') {
    const configs = (tool.configs ?? []).map((config, position) => ({ name: config.name, ...settingOf(config, position) }));
    return { type: tool.type, mcp_server_name: tool.mcp_server_name, default_config: defaults, configs };
  }
  const configs = (tool.configs ?? []).map((config, position) => resolveConfig(config, settingOf(config, position)));
  return { type: tool.type, default_config: defaults, configs };
}

function resolveConfig(config: ToolsetConfigInput, setting: ToolSetting): ResolvedToolConfig {
  switch (config.name) {
    case 'web_fetch':
      return {
        type: config.name,
        name: config.name,
        ...setting,
        ...domainsOf(config),
        ...(config.max_content_tokens != null && { max_content_tokens: config.max_content_tokens }),
        url_sources: config.url_sources ? resolveSources(config.url_sources) : null,
      };
    case 'web_search':
      return {
        type: config.name,
        name: config.name,
        ...setting,
        ...domainsOf(config),
        ...(config.user_location && { user_location: config.user_location }),
      };
    default:
      return { type: config.name, name: config.name, ...setting };
  }
}

const domainsOf = ({ allowed_domains, blocked_domains }: { allowed_domains?: string[] | undefined; blocked_domains?: string[] | undefined }) => ({
  ...(allowed_domains && { allowed_domains }),
  ...(blocked_domains && { blocked_domains }),
});

const resolveSources = ({ user_input, client_tool_results, server_tool_results }: UrlSourcesInput): UrlSources => ({
  user_input: objectForm(user_input),
  client_tool_results: objectForm(client_tool_results),
  server_tool_results: objectForm(server_tool_results),
});

const objectForm = (source: UrlSource | 'all' | 'none' | null | undefined): UrlSource | null =>
  typeof source === 'string' ? { type: source } : (source ?? null);

interface SettingInput {
  readonly enabled?: boolean | null | undefined;
  readonly permission_policy?: PermissionPolicy | null | undefined;
}

function supported(policy: PermissionPolicy | null | undefined, field: string): PermissionPolicy | undefined {
  if (policy?.type !== 'auto') return policy ?? undefined;
  throw new RondoError('request.invalid', `${field}.permission_policy.type: "auto" is not supported yet; accepted are always_allow and always_ask`);
}
