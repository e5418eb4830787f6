import { z } from 'zod';
import { webAddress } from './web-address.js';
import { type WebFetchSettings, type WebSearchSettings, webFetchSettings, webSearchSettings } from './web-tools.js';

/** Names of the tools of `agent_toolset_20260401` (wire section 1). */
export const TOOLSET_NAMES = ['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch', 'web_search'] as const;

const effortLevel = z.enum(['low', 'medium', 'high', 'xhigh', 'max']);

export const PermissionPolicy = z.strictObject({ type: z.enum(['always_allow', 'always_ask', 'auto']) });

/** A model as a caller names it: an id, or `{ id, effort?, speed? }` with effort as word or object. */
export const ModelInput = z.union([
  z.string().min(1).max(256),
  z.strictObject({
    id: z.string().min(1).max(256),
    effort: z.union([effortLevel, z.strictObject({ type: effortLevel })]).nullish(),
    speed: z.enum(['standard', 'fast']).nullish(),
    inference_geo: z.null('is not supported; leave it out').optional(),
  }),
]);

/** A model as stored and answered. */
export const ModelConfig = z.object({
  id: z.string(),
  effort: z.object({ type: effortLevel }),
  speed: z.enum(['standard', 'fast']),
});

const toolSettings = { enabled: z.boolean().nullish(), permission_policy: PermissionPolicy.nullish() };
const PlainToolConfig = z
  .strictObject({ type: z.string().optional(), name: z.enum(['bash', 'read', 'write', 'edit', 'glob', 'grep']), ...toolSettings })
  .refine(({ type, name }) => type === undefined || type === name, { path: ['type'], message: 'must be the same as name' });

const notBoth = {
  path: ['blocked_domains'],
  message: 'cannot be given together with allowed_domains',
  check: (config: { readonly allowed_domains?: unknown; readonly blocked_domains?: unknown }) =>
    config.allowed_domains === undefined || config.blocked_domains === undefined,
};

const ToolsetConfigInput = z.discriminatedUnion('name', [
  PlainToolConfig,
  z
    .strictObject({ type: z.literal('web_fetch').optional(), name: z.literal('web_fetch'), ...toolSettings, ...webFetchSettings })
    .refine(notBoth.check, notBoth),
  z
    .strictObject({ type: z.literal('web_search').optional(), name: z.literal('web_search'), ...toolSettings, ...webSearchSettings })
    .refine(notBoth.check, notBoth),
]);

const AgentToolset = z.strictObject({
  type: z.literal('agent_toolset_20260401'),
  default_config: z.strictObject(toolSettings).nullish(),
  configs: z.array(ToolsetConfigInput).max(TOOLSET_NAMES.length).nullish(),
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
  default_config: z.strictObject(toolSettings).nullish(),
  configs: z
    .array(z.strictObject({ name: z.string().min(1).max(128), ...toolSettings }))
    .max(256)
    .nullish(),
});

export const McpServer = z.strictObject({
  type: z.literal('url'),
  name: z.string().min(1).max(255),
  url: webAddress(/^https?$/, 'must be an http or https address', 'give a vault with a credential for it'),
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

/** Changes of stored metadata: a string sets a key, null deletes it. Limits hold for the result. */
export const MetadataPatch = z.record(z.string().min(1).max(64), z.string().max(512).nullable());

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
  execution_identity: z.strictObject({ type: z.literal('service_account', 'must be "service_account"; aws_role is not supported') }).nullish(),
  metadata: Metadata.nullish(),
});

/** `POST /v1/agents/{id}`: an absent field stays, null clears it, a value replaces it. */
export const AgentUpdate = AgentCreate.omit({ metadata: true })
  .partial({ name: true, model: true })
  .extend({ version: z.int().min(1).max(2_147_483_647).optional(), metadata: MetadataPatch.nullish() });

export type ModelInput = z.infer<typeof ModelInput>;
export type ModelConfig = z.infer<typeof ModelConfig>;
export type ToolInput = z.infer<typeof ToolInput>;
export type McpServer = z.infer<typeof McpServer>;
export type SkillInput = z.infer<typeof SkillInput>;
export type AgentCreate = z.infer<typeof AgentCreate>;
export type AgentUpdate = z.infer<typeof AgentUpdate>;
export type MetadataPatch = z.infer<typeof MetadataPatch>;
export type ToolsetConfigInput = z.infer<typeof ToolsetConfigInput>;
export type PermissionPolicy = z.infer<typeof PermissionPolicy>;
export type ToolsetName = (typeof TOOLSET_NAMES)[number];

/** What every resolved tool says of itself. */
export interface ToolSetting {
  readonly enabled: boolean;
  readonly permission_policy: PermissionPolicy;
}

interface NamedSetting<Name extends ToolsetName> extends ToolSetting {
  readonly type: Name;
  readonly name: Name;
}

/** One tool of the toolset, resolved; the two tools of the web have settings of their own. */
export type ResolvedToolConfig =
  | NamedSetting<Exclude<ToolsetName, 'web_fetch' | 'web_search'>>
  | (NamedSetting<'web_fetch'> & WebFetchSettings)
  | (NamedSetting<'web_search'> & WebSearchSettings);

/** A toolset with every default filled in, as the wire answers it. Tools without an entry follow `default_config`. */
export interface ResolvedToolset {
  readonly type: 'agent_toolset_20260401';
  readonly default_config: ToolSetting;
  readonly configs: readonly ResolvedToolConfig[];
}

/** An MCP toolset with every default filled in; tools without a config of their own follow `default_config`. */
export interface ResolvedMcpToolset {
  readonly type: 'mcp_toolset';
  readonly mcp_server_name: string;
  readonly default_config: ToolSetting;
  readonly configs: readonly (ToolSetting & { readonly name: string })[];
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
