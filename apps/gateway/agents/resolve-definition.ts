import { RondoError } from '../../../workflows/contract/errors.js';
import type { AgentCreate, AgentDefinition, ModelConfig, ModelInput, ResolvedTool } from '../../../workflows/contract/schema/agent.js';
import { resolveTools } from './resolve-tools.js';

/** The effort of a model where the caller states none. */
const DEFAULT_EFFORT = 'high';

/** An agent as a caller gives it, with every default of the wire filled in (section 1). Errors name the field. */
export function resolveDefinition(input: AgentCreate): AgentDefinition {
  const tools = resolveTools(input.tools ?? []);
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
