import { z } from 'zod';
import { Metadata } from './agent.js';
import { InputEvent, UserMessage } from './input-event.js';

const agentReference = z.object({
  type: z.literal('agent', 'must be "agent"; overrides are not supported yet'),
  id: z.string(),
  version: z.int().min(1).max(2_147_483_647).optional(),
});

const nothingYet = z.array(z.unknown()).max(0, 'is not supported yet; leave it out or empty').nullish();

/** `POST /v1/sessions`. */
export const SessionCreate = z.strictObject({
  agent: z.union([z.string(), agentReference]),
  environment_id: z.string(),
  title: z.string().max(1_000).nullish(),
  metadata: Metadata.nullish(),
  initial_events: z.array(UserMessage).max(50).nullish(),
  resources: nothingYet,
  vault_ids: nothingYet,
  budget: z.null('is not supported yet; leave it out').optional(),
});

/** `POST /v1/sessions/{id}/events`. */
export const EventsSend = z.strictObject({
  events: z.array(InputEvent).min(1).max(1_000),
});

export type SessionCreate = z.output<typeof SessionCreate>;
export type EventsSend = z.output<typeof EventsSend>;
