import { z } from 'zod';
import type { AgentRecord } from '../../../infra/postgres/agents.repo.js';
import { ModelConfig } from '../../../workflows/contract/schema/agent.js';

/** The versioned part of an agent, as answered. */
export const agentFields = {
  name: z.string(),
  description: z.string().nullable(),
  model: ModelConfig,
  system: z.string().nullable(),
  tools: z.array(z.looseObject({ type: z.enum(['agent_toolset_20260401', 'mcp_toolset', 'custom']) })),
  mcp_servers: z.array(z.looseObject({ type: z.literal('url'), name: z.string(), url: z.string() })),
  skills: z.array(z.looseObject({ type: z.enum(['custom', 'anthropic']), skill_id: z.string(), version: z.string() })),
  multiagent: z.null(),
  execution_identity: z.object({ type: z.literal('service_account') }),
};

export const AgentWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('agent'),
    version: z.int(),
    ...agentFields,
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Agent' });

/** An agent at one version (wire section 1). */
export const toAgentWire = (agent: AgentRecord) => ({
  id: agent.id,
  type: 'agent' as const,
  version: agent.version,
  ...agent.definition,
  created_at: agent.createdAt.toISOString(),
  updated_at: agent.updatedAt.toISOString(),
  archived_at: agent.archivedAt?.toISOString() ?? null,
});

export type AgentWire = ReturnType<typeof toAgentWire>;
