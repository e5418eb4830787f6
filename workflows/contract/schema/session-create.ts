import { z } from 'zod';
import { AgentCreate, Metadata, MetadataPatch } from './agent.js';
import { NetworkingInput } from './environment.js';
import { InputEvent, UserDefineOutcome, UserMessage } from './input-event.js';
import { ResourceInput } from './resource.js';

const version = z.int().min(1).max(2_147_483_647).optional();
const agentId = z.string().min(1).max(256);

/** The agent's fields a session may replace for itself: each given one wholesale (wire section 3). */
const AgentWithOverrides = z.strictObject({
  type: z.literal('agent_with_overrides'),
  id: agentId,
  version,
  model: AgentCreate.shape.model.nullable().optional(),
  system: AgentCreate.shape.system,
  tools: AgentCreate.shape.tools,
  mcp_servers: AgentCreate.shape.mcp_servers,
  skills: AgentCreate.shape.skills,
});

const AgentReference = z.union([
  agentId,
  z.discriminatedUnion('type', [z.strictObject({ type: z.literal('agent'), id: agentId, version }), AgentWithOverrides]),
]);

/** Most that the session may cost at list prices. */
export const Budget = z.strictObject({
  type: z.literal('limit'),
  max_list_cost: z.strictObject({
    amount: z.string().regex(/^(0|[1-9]\d{0,11})$/, 'must be a whole number of cents as text, without leading zeros'),
    currency: z.literal('USD'),
  }),
});

const VaultIds = z.array(z.string().min(1).max(256)).max(50);

/** `POST /v1/sessions`. */
export const SessionCreate = z.strictObject({
  agent: AgentReference,
  environment_id: z.string().min(1).max(256),
  title: z.string().max(1_000).nullish(),
  metadata: Metadata.nullish(),
  initial_events: z
    .array(z.discriminatedUnion('type', [UserMessage, UserDefineOutcome]))
    .max(50)
    .nullish(),
  resources: z.array(ResourceInput).max(1_100).nullish(),
  vault_ids: VaultIds.nullish(),
  budget: Budget.nullish(),
  /** Instead of the environment's: an extension. */
  networking: NetworkingInput.nullish(),
});

/** `POST /v1/sessions/{id}`. What is left out stays; null clears. */
export const SessionUpdate = z.strictObject({
  title: z.string().max(1_000).nullish(),
  metadata: MetadataPatch.nullish(),
  agent: z.strictObject({ tools: AgentCreate.shape.tools, mcp_servers: AgentCreate.shape.mcp_servers }).nullish(),
  budget: Budget.nullable().optional(),
  vault_ids: VaultIds.nullish(),
  /** Taken as a whole; null goes back to the environment's. */
  networking: NetworkingInput.nullable().optional(),
});

/** `POST /v1/sessions/{id}/events`. */
export const EventsSend = z.strictObject({
  events: z.array(InputEvent).min(1).max(1_000),
});

export type SessionCreate = z.output<typeof SessionCreate>;
export type SessionUpdate = z.output<typeof SessionUpdate>;
export type AgentWithOverrides = z.output<typeof AgentWithOverrides>;
export type Budget = z.output<typeof Budget>;
export type EventsSend = z.output<typeof EventsSend>;
