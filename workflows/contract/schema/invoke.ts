import { z } from 'zod';
import { AgentCreate, ModelInput } from './agent.js';
import { InputBlock } from './content.js';
import { CloudConfigInput } from './environment.js';
import { Limits } from './limits.js';
import { Metadata } from './metadata.js';
import { SessionCreate } from './session-create.js';

/** What a new session is made of; a session that exists has its own. */
const definitionFields = {
  model: ModelInput.optional().describe(
    'An id such as claude-…, anthropic/<id>, openai/<id> or rehearsal/<script>, or an object with settings. Required without session_id.',
  ),
  system: AgentCreate.shape.system,
  tools: AgentCreate.shape.tools,
  mcp_servers: AgentCreate.shape.mcp_servers,
  skills: AgentCreate.shape.skills,
  environment_id: SessionCreate.shape.environment_id
    .nullish()
    .describe("Id of an environment, env_…. Without it and environment, the workspace's cloud environment named default."),
  environment: CloudConfigInput.partial({ type: true })
    .nullish()
    .describe('The configuration of a cloud environment, which is made once for each configuration; not together with environment_id.'),
  resources: SessionCreate.shape.resources,
  vault_ids: SessionCreate.shape.vault_ids,
  title: SessionCreate.shape.title,
  metadata: Metadata,
  budget: SessionCreate.shape.budget,
  networking: SessionCreate.shape.networking.describe(
    "Instead of the environment's as a whole, in a cloud environment; not together with environment.networking.",
  ),
};

type DefinitionField = keyof typeof definitionFields;

const DEFINITION_FIELDS = Object.keys(definitionFields) as DefinitionField[];

/** `POST /v1/invoke`: everything a session can use, and its input, in one call. */
export const InvokeRequest = z
  .strictObject({
    ...definitionFields,
    input: z.union([z.string().min(1), z.array(InputBlock).min(1).max(1_000)]).describe('What the user says, as text or as blocks.'),
    session_id: z.string().optional().describe('A session to go on with, sesn_…; what a new one is made of is then left out.'),
    limits: Limits.optional().describe('Limits of each turn of the session; given with session_id they replace the ones before.'),
    mode: z
      .enum(['wait', 'stream', 'background'])
      .default('wait')
      .describe('wait answers when the turn has ended or needs an action, stream sends its events as they come, background answers at once.'),
    timeout_seconds: z.int().min(1).max(600).default(60).describe('Seconds that wait waits at most; then 202 is answered, and the turn goes on.'),
  })
  .refine((request) => request.session_id !== undefined || request.model !== undefined, {
    path: ['model'],
    message: 'is required, unless session_id names a session to go on with',
  })
  .refine((request) => request.session_id === undefined || DEFINITION_FIELDS.every((field) => request[field] == null), {
    path: ['session_id'],
    message: `goes on with a session as it was made; leave out ${DEFINITION_FIELDS.join(', ')}. What can be changed is changed by POST /v1/sessions/{session_id}`,
  })
  .refine((request) => request.environment == null || request.environment_id == null, {
    path: ['environment'],
    message: 'cannot be given together with environment_id',
  })
  .refine((request) => request.networking == null || request.environment?.networking == null, {
    path: ['networking'],
    message: 'cannot be given together with environment.networking',
  });

export type InvokeRequest = z.infer<typeof InvokeRequest>;

export type InvocationStatus = 'queued' | 'running' | 'requires_action' | 'completed' | 'failed' | 'interrupted' | 'killed';
