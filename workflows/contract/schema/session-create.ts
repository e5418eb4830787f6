import { z } from 'zod';
import { AgentCreate } from './agent.js';
import { NetworkingInput } from './environment.js';
import { InputEvent, UserDefineOutcome, UserMessage } from './input-event.js';
import { Metadata, MetadataPatch } from './metadata.js';
import { ResourceInput } from './resource.js';

const version = z.int().min(1).max(2_147_483_647).optional().describe('The newest version where none is given.');
const agentId = z.string().min(1).max(256).describe('Id of an agent, agent_….');

/** The agent's fields a session may replace for itself: each given one wholesale (wire section 3). */
const AgentWithOverrides = z.strictObject({
  type: z.literal('agent_with_overrides'),
  id: agentId,
  version,
  model: AgentCreate.shape.model.nullable().optional().describe("Instead of the agent's model; its effort stays the agent's. Null is refused."),
  system: AgentCreate.shape.system,
  tools: AgentCreate.shape.tools,
  mcp_servers: AgentCreate.shape.mcp_servers,
  skills: AgentCreate.shape.skills,
});

const AgentReference = z.union([
  agentId,
  z.discriminatedUnion('type', [z.strictObject({ type: z.literal('agent'), id: agentId, version }), AgentWithOverrides]),
]);

export const Budget = z.strictObject({
  type: z.literal('limit'),
  max_list_cost: z
    .strictObject({
      amount: z
        .string()
        .regex(/^(0|[1-9]\d{0,11})$/, 'must be a whole number of cents as text, without leading zeros')
        .describe('Whole cents as text: "250" is 2.50 dollars.'),
      currency: z.literal('USD'),
    })
    .describe('At list prices; only tokens of models are counted.'),
});

const VaultIds = z.array(z.string().min(1).max(256)).max(50);

const title = z.string().max(1_000).nullish().describe('For people; the model does not see it. Null or empty is none.');

/** `POST /v1/sessions`. */
export const SessionCreate = z.strictObject({
  agent: AgentReference.describe('Id of an agent for its newest version, or an object that also names the version and what this session replaces.'),
  environment_id: z.string().min(1).max(256).describe('Id of an environment, env_…, that is not archived.'),
  title,
  metadata: Metadata,
  initial_events: z
    .array(z.discriminatedUnion('type', [UserMessage, UserDefineOutcome]))
    .max(50)
    .nullish()
    .describe('Inputs that it begins to work on at once; without them it waits for the first one. user.define_outcome is refused so far.'),
  resources: z
    .array(ResourceInput)
    .max(1_100)
    .nullish()
    .describe('What is put into the sandbox: at most 999 files and 100 repositories, none in self-hosted environments; 8 memory stores.'),
  vault_ids: VaultIds.nullish().describe('Vaults whose credentials it uses and never sees; where two have one for the same thing, the first counts.'),
  budget: Budget.nullish().describe(
    'Most that it may cost; then its turn is held until the budget is raised or removed. Its model must have a price (RONDO_MODEL_PRICES).',
  ),
  networking: NetworkingInput.nullish().describe(
    "Instead of the environment's as a whole, in a cloud environment; the environment's holds where none is given.",
  ),
});

/** `POST /v1/sessions/{id}`. What is left out stays; null clears. */
export const SessionUpdate = z.strictObject({
  title,
  metadata: MetadataPatch,
  agent: z
    .strictObject({ tools: AgentCreate.shape.tools, mcp_servers: AgentCreate.shape.mcp_servers })
    .nullish()
    .describe('Lists that replace those of this session alone, while it is idle and waits for no action.'),
  budget: Budget.nullable().optional().describe('Replaces the one it was created with, by more than it has cost. Null removes it for good.'),
  vault_ids: VaultIds.nullish().describe('Cannot be changed; leave it out.'),
  networking: NetworkingInput.nullable().optional().describe("Taken as a whole, from the next request on; null goes back to the environment's."),
});

/** `POST /v1/sessions/{id}/events`. */
export const EventsSend = z.strictObject({
  events: z.array(InputEvent).min(1).max(1_000).describe('Inputs in their order; all are accepted, or none.'),
});

export type SessionCreate = z.output<typeof SessionCreate>;
export type SessionUpdate = z.output<typeof SessionUpdate>;
export type AgentWithOverrides = z.output<typeof AgentWithOverrides>;
export type Budget = z.output<typeof Budget>;
export type EventsSend = z.output<typeof EventsSend>;
