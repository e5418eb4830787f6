import type Anthropic from '@anthropic-ai/sdk';
import type { Shape } from './shape.js';

type Beta = Anthropic['beta'];
/** What a method of the SDK answers with. */
type Answer<Method extends (...words: never[]) => PromiseLike<unknown>> = Awaited<ReturnType<Method>>;

export const AGENT: Shape<Answer<Beta['agents']['retrieve']>> = {
  id: 'string',
  type: '=agent',
  version: 'number',
  name: 'string',
  description: 'string|null',
  model: 'object',
  system: 'string|null',
  tools: 'array',
  mcp_servers: 'array',
  skills: 'array',
  multiagent: 'object|null',
  execution_identity: 'object',
  metadata: 'object',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const ENVIRONMENT: Shape<Answer<Beta['environments']['retrieve']>> = {
  id: 'string',
  type: '=environment',
  name: 'string',
  description: 'string|null',
  config: 'object',
  metadata: 'object',
  scope: 'string?',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const WORK: Shape<Answer<Beta['environments']['work']['retrieve']>> = {
  id: 'string',
  type: '=work',
  environment_id: 'string',
  state: 'string',
  data: 'object',
  secret: 'string|null',
  metadata: 'object',
  created_at: 'string',
  acknowledged_at: 'string|null',
  started_at: 'string|null',
  latest_heartbeat_at: 'string|null',
  stop_requested_at: 'string|null',
  stopped_at: 'string|null',
};

export const HEARTBEAT: Shape<Answer<Beta['environments']['work']['heartbeat']>> = {
  type: '=work_heartbeat',
  last_heartbeat: 'string',
  lease_extended: 'boolean',
  state: 'string',
  ttl_seconds: 'number',
};

export const QUEUE: Shape<Answer<Beta['environments']['work']['stats']>> = {
  type: '=work_queue_stats',
  depth: 'number',
  pending: 'number',
  oldest_queued_at: 'string|null',
  workers_polling: 'number|null',
};

export const SESSION: Shape<Answer<Beta['sessions']['retrieve']>> = {
  id: 'string',
  type: '=session',
  title: 'string|null',
  status: 'string',
  agent: 'object',
  environment_id: 'string',
  deployment_id: 'string|null?',
  resources: 'array',
  vault_ids: 'array',
  metadata: 'object',
  budget: 'object|null',
  outcome_evaluations: 'array',
  usage: 'object',
  stats: 'object',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const SESSION_AGENT: Shape<Answer<Beta['sessions']['retrieve']>['agent']> = {
  id: 'string',
  type: '=agent',
  version: 'number',
  name: 'string',
  description: 'string|null',
  model: 'object',
  system: 'string|null',
  tools: 'array',
  mcp_servers: 'array',
  skills: 'array',
  multiagent: 'object|null',
  execution_identity: 'object',
};

export const FILE_RESOURCE: Shape<Answer<Beta['sessions']['resources']['add']>> = {
  id: 'string',
  type: '=file',
  file_id: 'string',
  mount_path: 'string',
  created_at: 'string',
  updated_at: 'string',
};

type AnyResource = Answer<Beta['sessions']['resources']['retrieve']>;

export const REPOSITORY_RESOURCE: Shape<Extract<AnyResource, { type: 'github_repository' }>> = {
  id: 'string',
  type: '=github_repository',
  url: 'string',
  mount_path: 'string',
  checkout: 'object|null?',
  created_at: 'string',
  updated_at: 'string',
};

export const THREAD: Shape<Answer<Beta['sessions']['threads']['retrieve']>> = {
  id: 'string',
  type: '=session_thread',
  session_id: 'string',
  parent_thread_id: 'string|null',
  agent: 'object',
  status: 'string',
  stats: 'object|null',
  usage: 'object|null',
  workflow_run_id: 'string|null',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const VAULT: Shape<Answer<Beta['vaults']['retrieve']>> = {
  id: 'string',
  type: '=vault',
  display_name: 'string',
  metadata: 'object',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const CREDENTIAL: Shape<Answer<Beta['vaults']['credentials']['retrieve']>> = {
  id: 'string',
  type: '=vault_credential',
  vault_id: 'string',
  display_name: 'string|null?',
  auth: 'object',
  metadata: 'object',
  created_at: 'string',
  updated_at: 'string',
  archived_at: 'string|null',
};

export const VALIDATION: Shape<Answer<Beta['vaults']['credentials']['mcpOAuthValidate']>> = {
  type: '=vault_credential_validation',
  credential_id: 'string',
  vault_id: 'string',
  status: 'string',
  has_refresh_token: 'boolean',
  mcp_probe: 'object|null',
  refresh: 'object|null',
  validated_at: 'string',
};

export const FILE: Shape<Answer<Beta['files']['retrieveMetadata']>> = {
  id: 'string',
  type: '=file',
  filename: 'string',
  mime_type: 'string',
  size_bytes: 'number',
  downloadable: 'boolean?',
  expires_at: 'string|null?',
  scope: 'object|null?',
  created_at: 'string',
};

export const SKILL: Shape<Answer<Beta['skills']['retrieve']>> = {
  id: 'string',
  type: '=skill',
  display_name: 'string',
  latest_version_id: 'string',
  source: 'object',
  created_at: 'string',
  updated_at: 'string',
};

export const SKILL_VERSION: Shape<Answer<Beta['skills']['versions']['retrieve']>> = {
  id: 'string',
  type: '=skill_version',
  skill_id: 'string',
  name: 'string',
  description: 'string',
  created_at: 'string',
};
