import { z } from 'zod';

/** Names of the tools of `agent_toolset_20260401` (wire section 1). */
export const TOOLSET_NAMES = ['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch', 'web_search'] as const;

const effortLevel = z.enum(['low', 'medium', 'high', 'xhigh', 'max']);

export const PermissionPolicy = z.strictObject({ type: z.enum(['always_allow', 'always_ask', 'auto']) });

/** A model as a caller names it: an id, or `{ id, effort?, speed? }` with effort as word or object. */
export const ModelInput = z.union([
  z.string().min(1).max(256),
  z.object({
    id: z.string().min(1).max(256),
    effort: z.union([effortLevel, z.object({ type: effortLevel })]).nullish(),
    speed: z.enum(['standard', 'fast']).optional(),
  }),
]);

/** A model as stored and answered. */
export const ModelConfig = z.object({
  id: z.string(),
  effort: z.object({ type: effortLevel }),
  speed: z.enum(['standard', 'fast']),
});

const toolsetConfig = z.strictObject({
  type: z.string().optional(),
  name: z.enum(TOOLSET_NAMES),
  enabled: z.boolean().optional(),
  permission_policy: PermissionPolicy.optional(),
});

const AgentToolset = z.strictObject({
  type: z.literal('agent_toolset_20260401'),
  default_config: z.strictObject({ enabled: z.boolean().optional(), permission_policy: PermissionPolicy.optional() }).nullish(),
  configs: z.array(toolsetConfig).max(TOOLSET_NAMES.length).optional(),
});

const propertyName = z.string().min(1).max(64);

export const CustomTool = z.strictObject({
  type: z.literal('custom'),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, _ or -')
    .refine((name) => !name.startsWith('mcp__'), 'must not start with mcp__')
    .refine((name) => !(TOOLSET_NAMES as readonly string[]).includes(name), 'must not be the name of a built-in tool'),
  description: z.string().min(1).max(16_384),
  input_schema: z
    .looseObject({
      type: z.literal('object'),
      properties: z.record(propertyName, z.unknown()).nullish(),
      required: z.array(z.string()).nullish(),
    })
    .refine((schema) => !['oneOf', 'anyOf', 'allOf', '$ref'].some((key) => key in schema), 'must not have oneOf, anyOf, allOf or $ref at its top')
    .refine((schema) => JSON.stringify(schema).length <= 65_536, 'must not be longer than 65536 characters of JSON'),
});

/** All tools of one MCP server the agent names; `configs` are by the server's own tool names. */
const McpToolset = z.strictObject({
  type: z.literal('mcp_toolset'),
  mcp_server_name: z.string().min(1).max(255),
  default_config: z.strictObject({ enabled: z.boolean().nullish(), permission_policy: PermissionPolicy.nullish() }).nullish(),
  configs: z
    .array(z.strictObject({ name: z.string().min(1).max(128), enabled: z.boolean().nullish(), permission_policy: PermissionPolicy.nullish() }))
    .max(256)
    .nullish(),
});

export const McpServer = z.strictObject({
  type: z.literal('url'),
  name: z.string().min(1).max(255),
  url: z.url({ protocol: /^https?$/ }).max(2_048),
});

export const SkillInput = z.strictObject({
  type: z.enum(['custom', 'anthropic']),
  skill_id: z.string().min(1).max(256),
  version: z.string().min(1).max(256).nullish(),
});

export const ToolInput = z.discriminatedUnion('type', [AgentToolset, CustomTool, McpToolset]);

export const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((value) => Object.keys(value).length <= 16, 'must have at most 16 entries');

/** `POST /v1/agents`. */
export const AgentCreate = z.strictObject({
  name: z.string().min(1).max(256),
  model: ModelInput,
  description: z.string().max(2_048).nullish(),
  system: z.string().max(100_000).nullish(),
  tools: z.array(ToolInput).max(128).nullish(),
  mcp_servers: z.array(McpServer).max(20).nullish(),
  skills: z.array(SkillInput).max(20).nullish(),
  multiagent: z.null('is not supported yet; leave it out').optional(),
  execution_identity: z.object({ type: z.literal('service_account') }).nullish(),
  metadata: Metadata.nullish(),
});

export type ModelInput = z.infer<typeof ModelInput>;
export type ModelConfig = z.infer<typeof ModelConfig>;
export type ToolInput = z.infer<typeof ToolInput>;
export type McpServer = z.infer<typeof McpServer>;
export type SkillInput = z.infer<typeof SkillInput>;
export type AgentCreate = z.infer<typeof AgentCreate>;
export type PermissionPolicy = z.infer<typeof PermissionPolicy>;
export type ToolsetName = (typeof TOOLSET_NAMES)[number];

/** A toolset with every default filled in, as the wire answers it. */
export interface ResolvedToolset {
  readonly type: 'agent_toolset_20260401';
  readonly default_config: { readonly enabled: boolean; readonly permission_policy: PermissionPolicy };
  readonly configs: readonly {
    readonly type: ToolsetName;
    readonly name: ToolsetName;
    readonly enabled: boolean;
    readonly permission_policy: PermissionPolicy;
  }[];
}

/** An MCP toolset with every default filled in; tools without a config of their own follow `default_config`. */
export interface ResolvedMcpToolset {
  readonly type: 'mcp_toolset';
  readonly mcp_server_name: string;
  readonly default_config: { readonly enabled: boolean; readonly permission_policy: PermissionPolicy };
  readonly configs: readonly { readonly name: string; readonly enabled: boolean; readonly permission_policy: PermissionPolicy }[];
}

export type ResolvedTool = ResolvedToolset | ResolvedMcpToolset | z.infer<typeof CustomTool>;

/** A skill as stored and answered: `version` is a concrete version's id, or `latest`. */
export interface ResolvedSkill {
  readonly type: 'custom' | 'anthropic';
  readonly skill_id: string;
  readonly version: string;
}

/** The versioned fields of an agent, resolved: what a session takes a snapshot of. */
export interface AgentDefinition {
  readonly name: string;
  readonly description: string | null;
  readonly model: ModelConfig;
  readonly system: string | null;
  readonly tools: readonly ResolvedTool[];
  readonly mcp_servers: readonly McpServer[];
  readonly skills: readonly ResolvedSkill[];
  readonly multiagent: null;
  readonly execution_identity: { readonly type: 'service_account' };
  readonly metadata: Readonly<Record<string, string>>;
}
