import { RondoError } from '../../../workflows/contract/errors.js';
import type { AgentCreate, AgentDefinition, AgentUpdate, ModelConfig, ModelInput, ResolvedSkill } from '../../../workflows/contract/schema/agent.js';
import { applyMetadataPatch, updated } from '../http/partial-update.js';
import { checkDefinition } from './check-definition.js';
import { resolveTools } from './resolve-tools.js';

/** The effort of a model where the caller states none. */
const DEFAULT_EFFORT = 'high';

/**
 * An agent as a caller gives it, with every default of the wire filled in (section 1). `skills` are the input's, looked up.
 * Errors: `request.invalid`, naming the field.
 */
export function resolveDefinition(input: AgentCreate, skills: readonly ResolvedSkill[]): AgentDefinition {
  return checked({
    name: input.name,
    description: input.description || null,
    model: resolveModel(input.model),
    system: input.system || null,
    tools: resolveTools(input.tools ?? []),
    mcp_servers: input.mcp_servers ?? [],
    skills,
    multiagent: null,
    execution_identity: { type: 'service_account' },
    metadata: input.metadata ?? {},
  });
}

/**
 * A stored agent after an update: absent fields stay, null or an empty text clears, lists are replaced whole, metadata is
 * patched. A model given without effort keeps the stored one. `skills` are the update's, looked up; undefined where it gave none.
 */
export function changeDefinition(stored: AgentDefinition, change: AgentUpdate, skills: readonly ResolvedSkill[] | undefined): AgentDefinition {
  return checked({
    ...stored,
    name: change.name ?? stored.name,
    description: updated(change.description, stored.description, null) || null,
    model: change.model === undefined ? stored.model : resolveModel(change.model, stored.model.effort),
    system: updated(change.system, stored.system, null) || null,
    tools: updated(change.tools && resolveTools(change.tools), stored.tools, []),
    mcp_servers: updated(change.mcp_servers, stored.mcp_servers, []),
    skills: skills ?? stored.skills,
    metadata: applyMetadataPatch(stored.metadata, change.metadata),
  });
}

/** What a session may replace of its agent: each given field wholesale, null or an empty list clears (wire section 3). */
export interface DefinitionOverrides {
  readonly model?: ModelInput | null | undefined;
  readonly system?: string | null | undefined;
  readonly tools?: AgentUpdate['tools'];
  readonly mcp_servers?: AgentUpdate['mcp_servers'];
}

/**
 * An agent's definition as one session sees it. The effort of an override's model is not taken: the agent's stays. `skills`
 * are the overrides', looked up; undefined where none were given. Errors: `request.invalid` with `agent_model_required` for a
 * model of null, and where tools are cleared while skills, which are read with them, stay.
 */
export function overrideDefinition(stored: AgentDefinition, overrides: DefinitionOverrides, skills: readonly ResolvedSkill[] | undefined): AgentDefinition {
  const { model } = overrides;
  if (model === null) {
    throw new RondoError('request.invalid', 'agent.model: cannot be cleared; leave it out to use the model of the agent.', {
      details: { error_code: 'agent_model_required' },
    });
  }
  const definition = checked({
    ...stored,
    model: model === undefined ? stored.model : resolveModel(typeof model === 'string' ? model : { ...model, effort: null }, stored.model.effort),
    system: updated(overrides.system, stored.system, null) || null,
    tools: updated(overrides.tools && resolveTools(overrides.tools), stored.tools, []),
    mcp_servers: updated(overrides.mcp_servers, stored.mcp_servers, []),
    skills: skills ?? stored.skills,
  });
  if (overrides.tools !== undefined && definition.tools.length === 0 && definition.skills.length > 0) {
    throw new RondoError('request.invalid', 'agent.tools: cannot be cleared while there are skills, which are read with them; clear skills, too.');
  }
  return definition;
}

function checked(definition: AgentDefinition): AgentDefinition {
  checkDefinition(definition);
  return definition;
}

function resolveModel(input: ModelInput, otherwise: ModelConfig['effort'] = { type: DEFAULT_EFFORT }): ModelConfig {
  const { id, effort, speed } = typeof input === 'string' ? { id: input } : input;
  return { id, effort: typeof effort === 'string' ? { type: effort } : (effort ?? otherwise), speed: speed ?? 'standard' };
}
