import { RondoError } from '../../../workflows/contract/errors.js';
import type {
  AgentCreate,
  AgentDefinition,
  ModelConfig,
  ModelInput,
  PermissionPolicy,
  ResolvedTool,
  ToolInput,
} from '../../../workflows/contract/schema/agent.js';

/** The effort of a model where the caller states none. */
const DEFAULT_EFFORT = 'high';

/** An agent as a caller gives it, with every default of the wire filled in (section 1). Errors name the field. */
export function resolveDefinition(input: AgentCreate): AgentDefinition {
  const tools = (input.tools ?? []).map(resolveTool);
  refuseDoubleNames(tools);
  return {
    name: input.name,
    description: input.description || null,
    model: resolveModel(input.model),
    system: input.system || null,
    tools,
    mcp_servers: [],
    skills: [],
    multiagent: null,
    execution_identity: { type: 'service_account' },
    metadata: input.metadata ?? {},
  };
}

function resolveModel(input: ModelInput): ModelConfig {
  const { id, effort, speed } = typeof input === 'string' ? { id: input } : input;
  const level = typeof effort === 'string' ? effort : effort?.type;
  return { id, effort: { type: level ?? DEFAULT_EFFORT }, speed: speed ?? 'standard' };
}

/** Tools of others ask unless the caller says otherwise; Rondo's own do not (wire section 1). */
const DEFAULT_POLICY = { agent_toolset_20260401: 'always_allow', mcp_toolset: 'always_ask' } as const;

function resolveTool(tool: ToolInput, index: number): ResolvedTool {
  if (tool.type === 'custom') return tool;
  const field = `tools[${index}]`;
  const defaults = {
    enabled: tool.default_config?.enabled ?? true,
    permission_policy: supported(tool.default_config?.permission_policy, `${field}.default_config`) ?? { type: DEFAULT_POLICY[tool.type] },
  };
  const resolve = <Name extends string>(config: ToolConfig<Name>, position: number) => ({
    name: config.name,
    enabled: config.enabled ?? defaults.enabled,
    permission_policy: supported(config.permission_policy, `${field}.configs[${position}]`) ?? defaults.permission_policy,
  });
  if (tool.type === 'mcp_toolset') {
    return { type: tool.type, mcp_server_name: tool.mcp_server_name, default_config: defaults, configs: (tool.configs ?? []).map(resolve) };
  }
  return {
    type: tool.type,
    default_config: defaults,
    configs: (tool.configs ?? []).map((config, position) => ({ type: config.name, ...resolve(config, position) })),
  };
}

interface ToolConfig<Name extends string> {
  readonly name: Name;
  readonly enabled?: boolean | null | undefined;
  readonly permission_policy?: PermissionPolicy | null | undefined;
}

function supported(policy: PermissionPolicy | null | undefined, field: string): PermissionPolicy | undefined {
  if (policy?.type !== 'auto') return policy ?? undefined;
  throw new RondoError('request.invalid', `${field}.permission_policy.type: "auto" is not supported yet; accepted are always_allow and always_ask`);
}

function refuseDoubleNames(tools: readonly ResolvedTool[]): void {
  const seen = new Set<string>();
  const claim = (name: string, field: string) => {
    if (seen.has(name)) throw new RondoError('request.invalid', `${field}: ${JSON.stringify(name)} is given twice; names must be unique`);
    seen.add(name);
  };
  for (const [index, tool] of tools.entries()) {
    if (tool.type === 'custom') {
      claim(tool.name, `tools[${index}].name`);
      continue;
    }
    claim(tool.type, `tools[${index}].type`);
    for (const [position, config] of tool.configs.entries()) claim(config.name, `tools[${index}].configs[${position}].name`);
  }
}
