import { z } from 'zod';
import { Metadata } from './agent.js';

const hostName = z.string().min(1).max(253);

const Networking = z.discriminatedUnion('type', [
  z.object({ type: z.literal('unrestricted') }),
  z.object({
    type: z.literal('limited'),
    allowed_hosts: z.array(hostName).max(1_000).default([]),
    allow_mcp_servers: z.boolean().default(false),
    allow_package_managers: z.boolean().default(false),
  }),
]);

const noPackages = z.array(z.string()).max(0, 'installing packages is not supported yet; leave it out or empty').default([]);

const Packages = z.object({
  type: z.literal('packages').default('packages'),
  apt: noPackages,
  cargo: noPackages,
  gem: noPackages,
  go: noPackages,
  npm: noPackages,
  pip: noPackages,
});

/** What a sandbox of this environment is given; the output has every default filled in. */
export const EnvironmentConfig = z.object({
  type: z.literal('cloud', 'must be "cloud"; self_hosted environments are not supported yet'),
  networking: Networking.nullish().transform((value) => value ?? { type: 'unrestricted' as const }),
  packages: Packages.nullish().transform((value) => value ?? Packages.parse({})),
});

/** `POST /v1/environments`. */
export const EnvironmentCreate = z.strictObject({
  name: z.string().min(1).max(256),
  description: z.string().max(2_048).nullish(),
  config: EnvironmentConfig.nullish(),
  metadata: Metadata.nullish(),
  scope: z.literal('organization').nullish(),
});

export type EnvironmentConfig = z.output<typeof EnvironmentConfig>;
export type EnvironmentCreate = z.output<typeof EnvironmentCreate>;
