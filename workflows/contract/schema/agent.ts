import { z } from 'zod';
import { Metadata, MetadataPatch } from './metadata.js';
import { webAddress } from './web-address.js';
import { type WebFetchSettings, type WebSearchSettings, webFetchSettings, webSearchSettings } from './web-tools.js';

/** Names of the tools of `agent_toolset_20260401` (wire section 1). */
export const TOOLSET_NAMES = ['bash', 'read', 'write', 'edit', 'glob', 'grep', 'web_fetch', 'web_search'] as const;

const effortLevel = z.enum(['low', 'medium', 'high', 'xhigh', 'max']);

export const PermissionPolicy = z.strictObject({
  type: z.enum(['always_allow', 'always_ask', 'auto']).describe('Whether calls run at once or wait for user.tool_confirmation; auto is not supported yet.'),
});

/** A model as a caller names it: an id, or `{ id, effort?, speed? }` with effort as word or object. */
export const ModelInput = z
  .union([
    z.string().min(1).max(256),
    z.strictObject({
      id: z.string().min(1).max(256).describe('claude-…, anthropic/<id>, openai/<id> or rehearsal/<script>.'),
      effort: z
        .union([effortLevel, z.strictObject({ type: effortLevel.describe('The same as the bare word.') })])
        .nullish()
        .describe('How much the model thinks. high for a new agent; an update that gives none keeps what is stored.'),
      speed: z.enum(['standard', 'fast']).nullish().describe('standard where none is given. Stored and answered; it changes no request yet.'),
      inference_geo: z.null('is not supported; leave it out').optional().describe('Not supported; leave it out.'),
    }),
  ])
  .describe('An id such as claude-…, anthropic/<id>, openai/<id> or rehearsal/<script>, or an object with settings. Its provider must be configured.');

/** A model as stored and answered. */
export const ModelConfig = z.object({
  id: z.string(),
  effort: z.object({ type: effortLevel }),
  speed: z.enum(['standard', 'fast']),
});

const toolSettings = {
  enabled: z.boolean().nullish().describe('Whether the model is offered this tool; as in default_config where it is not given.'),
  permission_policy: PermissionPolicy.nullish().describe('Whether calls of this tool ask first; as in default_config where it is not given.'),
};

/** What holds for every tool of a set that has no settings of its own. */
const defaultsOf = (policy: 'always_allow' | 'always_ask') =>
  z
    .strictObject({
      enabled: toolSettings.enabled.describe('Whether the model is offered these tools; true where it is not given.'),
      permission_policy: toolSettings.permission_policy.describe(`Whether their calls ask first; ${policy} where it is not given.`),
    })
    .nullish()
    .describe('What holds for tools that configs does not name, and for what it leaves out.');

const PlainToolConfig = z
  .strictObject({
    type: z.string().optional().describe('The same as name; may be left out.'),
    name: z.enum(['bash', 'read', 'write', 'edit', 'glob', 'grep']).describe('A tool that runs in the sandbox, or with a worker of a self-hosted environment.'),
    ...toolSettings,
  })
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
  default_config: defaultsOf('always_allow'),
  configs: z
    .array(ToolsetConfigInput)
    .max(TOOLSET_NAMES.length)
    .nullish()
    .describe('Tools with settings of their own, each named once. The others are there all the same.'),
});

const propertyName = z.string().min(1).max(64);

export const CustomTool = z.strictObject({
  type: z.literal('custom'),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, _ or -')
    .refine((name) => !name.startsWith('mcp__'), 'must not start with mcp__')
    .refine((name) => !(TOOLSET_NAMES as readonly string[]).includes(name), 'must not be the name of a built-in tool')
    .describe('As the model calls it: unique in the agent, not the name of a built-in tool, and not beginning with mcp__.'),
  description: z.string().min(1).max(16_384).describe('Tells the model what the tool does and when to call it.'),
  input_schema: z
    .looseObject({
      type: z.literal('object'),
      properties: z.record(propertyName, z.unknown()).nullish(),
      required: z.array(z.string()).nullish(),
    })
    .refine((schema) => !['oneOf', 'anyOf', 'allOf', '$ref'].some((key) => key in schema), 'must not have oneOf, anyOf, allOf or $ref at its top')
    .refine((schema) => JSON.stringify(schema).length <= 65_536, 'must not be longer than 65536 characters of JSON')
    .describe('JSON Schema of the input: an object, without oneOf, anyOf, allOf and $ref at its top, at most 65536 characters.'),
});

/** All tools of one MCP server the agent names; `configs` are by the server's own tool names. */
const McpToolset = z.strictObject({
  type: z.literal('mcp_toolset'),
  mcp_server_name: z.string().min(1).max(255).describe('The name of one of mcp_servers. Each server has exactly one such set.'),
  default_config: defaultsOf('always_ask'),
  configs: z
    .array(z.strictObject({ name: z.string().min(1).max(128).describe("The tool's name as its server lists it, without mcp__."), ...toolSettings }))
    .max(256)
    .nullish()
    .describe('Tools with settings of their own, each named once.'),
});

export const McpServer = z.strictObject({
  type: z.literal('url'),
  name: z.string().min(1).max(255).describe('What an mcp_toolset names it by, unique in the agent; the model sees its tools as mcp__<name>__<tool>.'),
  url: webAddress(/^https?$/, 'must be an http or https address', 'give a vault with a credential for it').describe(
    "Where it answers Streamable HTTP, by http or https and without user name or password. A token comes from the session's vaults.",
  ),
});

export const SkillInput = z.strictObject({
  type: z.enum(['custom', 'anthropic']).describe('custom; there is no catalogue of anthropic skills here.'),
  skill_id: z.string().min(1).max(256).describe('Id of a skill of the workspace, skill_…, given once.'),
  version: z
    .string()
    .min(1)
    .max(256)
    .nullish()
    .describe('skillver_…, or latest, which is resolved when a session is created. Where none is given, the newest version of this moment.'),
});

export const ToolInput = z.discriminatedUnion('type', [AgentToolset, CustomTool, McpToolset]);

/** `POST /v1/agents`. */
export const AgentCreate = z.strictObject({
  name: z.string().min(1).max(256).describe('For people; the model does not see it, and it need not be unique.'),
  model: ModelInput,
  description: z.string().max(2_048).nullish().describe('For people; the model does not see it. Null or empty is none.'),
  system: z.string().max(100_000).nullish().describe('The system prompt; Rondo adds what the tools of the session find where. Null or empty is none.'),
  tools: z.array(ToolInput).max(128).nullish().describe('What the model may call, at most 256 tools over all sets. Null or an empty list is none.'),
  mcp_servers: z
    .array(McpServer)
    .max(20)
    .nullish()
    .describe('Servers whose tools the agent uses, each with an mcp_toolset in tools. Null or an empty list is none.'),
  skills: z.array(SkillInput).max(20).nullish().describe('Skills that the model is told of and reads with its tools. Null or an empty list is none.'),
  multiagent: z.null('is not supported yet; leave it out').optional().describe('Not supported yet; leave it out.'),
  execution_identity: z
    .strictObject({ type: z.literal('service_account', 'must be "service_account"; aws_role is not supported') })
    .nullish()
    .describe('Always service_account, also where none is given.'),
  metadata: Metadata,
});

/** `POST /v1/agents/{id}`: an absent field stays, null clears it, a value replaces it. */
export const AgentUpdate = AgentCreate.omit({ metadata: true })
  .partial({ name: true, model: true })
  .extend({
    version: z
      .int()
      .min(1)
      .max(2_147_483_647)
      .optional()
      .describe('The version that the change is made from: 409 where another one is current by now. Not compared where none is given.'),
    metadata: MetadataPatch,
  });

export type ModelInput = z.infer<typeof ModelInput>;
export type ModelConfig = z.infer<typeof ModelConfig>;
export type ToolInput = z.infer<typeof ToolInput>;
export type McpServer = z.infer<typeof McpServer>;
export type SkillInput = z.infer<typeof SkillInput>;
export type AgentCreate = z.infer<typeof AgentCreate>;
export type AgentUpdate = z.infer<typeof AgentUpdate>;
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
