import { z } from 'zod';
import { AgentCreate, Metadata, ModelInput } from './agent.js';
import { InputBlock } from './content.js';
import { Limits } from './limits.js';

/** `POST /v1/invoke`: model, system prompt, tools and input in one call. */
export const InvokeRequest = z
  .strictObject({
    model: ModelInput.optional(),
    system: AgentCreate.shape.system,
    tools: AgentCreate.shape.tools,
    input: z.union([z.string().min(1), z.array(InputBlock).min(1).max(1_000)]),
    session_id: z.string().optional(),
    limits: Limits.optional(),
    metadata: Metadata.optional(),
    mode: z.enum(['wait', 'stream', 'background']).default('wait'),
    timeout_seconds: z.int().min(1).max(600).default(60),
  })
  .refine((request) => request.session_id !== undefined || request.model !== undefined, {
    path: ['model'],
    message: 'is required, unless session_id names a session to go on with',
  })
  .refine((request) => request.session_id === undefined || (request.model === undefined && request.system == null && request.tools == null), {
    path: ['session_id'],
    message: 'goes on with a session as it was defined; leave out model, system and tools',
  });

export type InvokeRequest = z.infer<typeof InvokeRequest>;

export type InvocationStatus = 'queued' | 'running' | 'requires_action' | 'completed' | 'failed' | 'interrupted' | 'killed';
