import { z } from 'zod';
import { Metadata, MetadataPatch } from './metadata.js';
import { PackageLists } from './packages.js';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

/** A host a sandbox may reach: a name, an address of version 4, or `*.` and a name for everything below it. */
const allowedHost = z
  .string()
  .max(253)
  .regex(new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`), 'must be a host such as api.example.com or *.example.com, without scheme, port or path');

const port = z.int().min(1).max(65_535);

/** The same with a port behind it, where the caller wants. */
const hostAndPort = z
  .string()
  .max(259)
  .regex(
    new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*(?::[1-9][0-9]{0,4})?$`),
    'must be a host such as api.example.com or *.example.com, with an optional port; without scheme or path',
  )
  .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 1) <= 65_535, 'must have a port of at most 65535');

/** What of a host may be reached; what is left out does not limit. */
const HostRule = z.strictObject({
  host: allowedHost.describe('A name, an IPv4 address, or *. and a name for everything below it.'),
  ports: z.array(port).min(1).max(20).optional().describe('Any port where none is given.'),
  methods: z
    .array(z.string().regex(/^[A-Z]{1,20}$/, 'must be a method such as GET'))
    .min(1)
    .max(20)
    .optional()
    .describe('In capital letters; any method where none is given.'),
  paths: z
    .array(z.string().regex(/^\/[\x21-\x29\x2b-\x3e\x40-\x7e]{0,500}\*?$/, 'must be a path such as /v1/items or /v1/*'))
    .min(1)
    .max(100)
    .optional()
    .describe('Exactly, or with * at the end whatever begins so; queries do not count. Any path where none is given.'),
});

const passthroughHosts = z.array(hostAndPort).max(100);

const serverTools = z.enum(['own_domains', 'follow_environment'], 'must be "own_domains" or "follow_environment"');

/** Extensions of either type. */
const ofEveryPolicy = {
  passthrough_hosts: passthroughHosts
    .nullish()
    .describe('Hosts, with a port if wanted, whose TLS is not opened and into which no secret is put. By default none.'),
  server_tools: serverTools
    .nullish()
    .describe('What holds for requests that Rondo itself makes: the domains of each tool (own_domains, the default), or in addition this policy.'),
};

const LimitedInput = z.strictObject({
  type: z.literal('limited'),
  allowed_hosts: z
    .array(z.union([hostAndPort, HostRule]))
    .max(1_000)
    .nullish()
    .describe('Hosts, *. and a name for everything below it, with a port if wanted, or rules with methods and paths. By default none.'),
  allow_mcp_servers: z.boolean().nullish().describe("Whether the sandbox may reach the hosts of the agent's MCP servers; by default false."),
  allow_package_managers: z.boolean().nullish().describe('Whether the registries of apt, cargo, gem, go, npm and pip may be reached; by default false.'),
  unknown_hosts: z
    .enum(['deny', 'ask'])
    .nullish()
    .describe('What becomes of a request to another host: refused (deny, the default), or held while a person is asked.'),
  ask_timeout: z.int().min(1).max(86_400).nullish().describe('Seconds that such a request is held at most; by default 300.'),
  ...ofEveryPolicy,
});

const UnrestrictedInput = z.strictObject({ type: z.literal('unrestricted'), ...ofEveryPolicy });

/** What sessions may reach as a caller writes it: of an environment, or of one session. */
export const NetworkingInput = z.discriminatedUnion('type', [UnrestrictedInput, LimitedInput]);

const onWorkerLoss = z.enum(['unknown', 'rerun']);

/** A cloud environment's configuration as a caller writes it. */
export const CloudConfigInput = z.strictObject({
  type: z.literal('cloud'),
  networking: NetworkingInput.nullish().describe('What sandboxes may reach; by default every public host.'),
  packages: PackageLists.nullish().describe('Installed in the background, once for each list. limited networking needs allow_package_managers for them.'),
});

/** An environment's configuration as a caller writes it; what is absent or null keeps its value, or has its default. */
export const EnvironmentConfigInput = z.discriminatedUnion(
  'type',
  [
    CloudConfigInput,
    z.strictObject({
      type: z.literal('self_hosted'),
      on_worker_loss: onWorkerLoss
        .nullish()
        .describe("What becomes of a lost worker's unanswered calls: the model is told that nobody knows (unknown, the default), or they are run again."),
    }),
  ],
  'must be "cloud" or "self_hosted"',
);

const packageNames = z.array(z.string()).readonly();

/** What sessions may reach as stored and answered. */
export const Networking = z.discriminatedUnion('type', [
  z.object({ type: z.literal('unrestricted'), passthrough_hosts: passthroughHosts.readonly().optional(), server_tools: serverTools.optional() }),
  z.object({
    type: z.literal('limited'),
    allowed_hosts: z.array(z.union([z.string(), HostRule])).readonly(),
    allow_mcp_servers: z.boolean(),
    allow_package_managers: z.boolean(),
    unknown_hosts: z.enum(['deny', 'ask']).optional(),
    ask_timeout: z.int().optional(),
    passthrough_hosts: passthroughHosts.readonly().optional(),
    server_tools: serverTools.optional(),
  }),
]);

/** An environment's configuration as stored and answered. */
export const EnvironmentConfig = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('cloud'),
    networking: Networking,
    packages: z.object({
      type: z.literal('packages'),
      apt: packageNames,
      cargo: packageNames,
      gem: packageNames,
      go: packageNames,
      npm: packageNames,
      pip: packageNames,
    }),
  }),
  z.object({ type: z.literal('self_hosted'), on_worker_loss: onWorkerLoss }),
]);

const scope = z.literal('organization', 'must be "organization"; there are no accounts here');

/** `POST /v1/environments`. */
export const EnvironmentCreate = z.strictObject({
  name: z.string().min(1).max(256).describe('For people; unique among the environments of the workspace that are not archived.'),
  description: z.string().max(2_048).nullish().describe('For people.'),
  config: EnvironmentConfigInput.nullish().describe('Where sessions run: sandboxes of Rondo (cloud, the default) or workers of your own (self_hosted).'),
  metadata: Metadata,
  scope: scope.nullish().describe('Always organization, also where none is given.'),
});

/** `POST /v1/environments/{id}`: what is left out stays. */
export const EnvironmentUpdate = EnvironmentCreate.extend({
  name: EnvironmentCreate.shape.name.nullish().describe('For people; unique among the environments of the workspace that are not archived. Null keeps it.'),
  description: EnvironmentCreate.shape.description.describe('For people. Null clears it; an empty one is stored as such.'),
  config: EnvironmentConfigInput.nullish().describe(
    'What is absent or null in it stays, each list that is given replaces its own; the type cannot be changed.',
  ),
  metadata: MetadataPatch.describe('Changes of what is stored: a text sets a key, null or an empty text deletes it, other keys stay. At most 16 are kept.'),
});

export type EnvironmentConfigInput = z.output<typeof EnvironmentConfigInput>;
export type EnvironmentConfig = z.output<typeof EnvironmentConfig>;
export type NetworkingInput = z.output<typeof NetworkingInput>;
export type Networking = z.output<typeof Networking>;
export type CloudConfig = Extract<EnvironmentConfig, { type: 'cloud' }>;
export type EnvironmentCreate = z.output<typeof EnvironmentCreate>;
export type EnvironmentUpdate = z.output<typeof EnvironmentUpdate>;
