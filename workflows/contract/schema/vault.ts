import { z } from 'zod';
import { Metadata, MetadataPatch } from './agent.js';
import { HostPattern } from './host-pattern.js';
import { SecretName } from './secret-name.js';
import { webAddress } from './web-address.js';

/** Vaults and credentials (wire section 4). Secrets come in by these schemas and are in no answer. */

const LONGEST_SECRET = 16_384;

const uncleared = 'cannot be cleared; leave it out to keep what is stored';
const orKept = (issue: { readonly input?: unknown }) => (issue.input === null ? uncleared : undefined);

/** Documented as something that is never answered. */
const secret = (pattern: RegExp, accepted: string) =>
  z.string({ error: orKept }).min(1).max(LONGEST_SECRET).regex(pattern, accepted).meta({ writeOnly: true, format: 'password' });

const bearerToken = secret(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces, and without the word Bearer');
const oauthSecret = secret(/^[\x20-\x7e]+$/, 'must be printable ASCII');
const secretValue = z
  .string({ error: orKept })
  .min(1)
  .max(LONGEST_SECRET)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be text without NUL')
  .meta({ writeOnly: true, format: 'password' });

const fixed = z.never('cannot be changed after the credential was created').optional();

const address = webAddress(/^https?$/, 'must be an http or https address', 'addresses are answered').refine(
  (text) => !text.includes('#'),
  'must not have a fragment',
);

const publicText = z
  .string()
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
  .max(2_048);

const displayName = z.string({ error: orKept }).min(1).max(255);

export const VaultCreate = z.strictObject({ display_name: displayName, metadata: Metadata.nullish() });

export const VaultUpdate = z.strictObject({ display_name: displayName.optional(), metadata: MetadataPatch.nullish() });

const StaticBearerCreate = z.strictObject({ type: z.literal('static_bearer'), mcp_server_url: address, token: bearerToken });

const StaticBearerUpdate = z.strictObject({ type: z.literal('static_bearer'), mcp_server_url: fixed, token: bearerToken.optional() });

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-22T21:00:00Z' }).transform((text) => new Date(text));

const OAuthRefreshCreate = z.strictObject({
  client_id: publicText.min(1),
  refresh_token: oauthSecret,
  token_endpoint: address,
  token_endpoint_auth: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('none') }),
    z.strictObject({ type: z.literal('client_secret_basic'), client_secret: oauthSecret }),
    z.strictObject({ type: z.literal('client_secret_post'), client_secret: oauthSecret }),
  ]),
  resource: publicText.nullish(),
  scope: publicText.nullish(),
});

const OAuthCreate = z.strictObject({
  type: z.literal('mcp_oauth'),
  mcp_server_url: address,
  access_token: bearerToken,
  expires_at: time.nullish(),
  refresh: OAuthRefreshCreate.nullish(),
});

const OAuthUpdate = z.strictObject({
  type: z.literal('mcp_oauth'),
  mcp_server_url: fixed,
  access_token: bearerToken.optional(),
  expires_at: time.nullish(),
  refresh: z
    .strictObject({
      client_id: fixed,
      token_endpoint: fixed,
      resource: fixed,
      refresh_token: oauthSecret.optional(),
      scope: publicText.nullish(),
      token_endpoint_auth: z.strictObject({ type: z.enum(['client_secret_basic', 'client_secret_post']), client_secret: oauthSecret.optional() }).optional(),
    })
    .nullish(),
});

const Networking = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('unrestricted') }),
    z.strictObject({
      type: z.literal('limited'),
      allowed_hosts: z
        .array(HostPattern)
        .max(16)
        .transform((hosts) => [...new Set(hosts)]),
    }),
  ],
  { error: orKept },
);

const InjectionLocation = z.strictObject({ header: z.boolean().optional(), body: z.boolean().optional() });

const EnvironmentVariableCreate = z.strictObject({
  type: z.literal('environment_variable'),
  secret_name: SecretName,
  secret_value: secretValue,
  networking: Networking,
  injection_location: InjectionLocation.optional(),
});

const EnvironmentVariableUpdate = z.strictObject({
  type: z.literal('environment_variable'),
  secret_name: fixed,
  secret_value: secretValue.optional(),
  networking: Networking.optional(),
  injection_location: InjectionLocation.optional(),
});

export const CredentialAuthCreate = z.discriminatedUnion('type', [StaticBearerCreate, OAuthCreate, EnvironmentVariableCreate]);
export const CredentialAuthUpdate = z.discriminatedUnion('type', [StaticBearerUpdate, OAuthUpdate, EnvironmentVariableUpdate]);

export const CredentialCreate = z.strictObject({
  auth: CredentialAuthCreate,
  display_name: z.string().max(255).nullish(),
  metadata: Metadata.nullish(),
});

export const CredentialUpdate = z.strictObject({
  auth: CredentialAuthUpdate.optional(),
  display_name: z.string().max(255).nullish(),
  metadata: MetadataPatch.nullish(),
});

export type VaultCreate = z.output<typeof VaultCreate>;
export type VaultUpdate = z.output<typeof VaultUpdate>;
export type CredentialAuthCreate = z.output<typeof CredentialAuthCreate>;
export type CredentialAuthUpdate = z.output<typeof CredentialAuthUpdate>;
export type CredentialCreate = z.output<typeof CredentialCreate>;
export type CredentialUpdate = z.output<typeof CredentialUpdate>;

/** What of an OAuth refresh is no secret. */
export interface OAuthRefresh {
  readonly client_id: string;
  readonly token_endpoint: string;
  readonly token_endpoint_auth: { readonly type: 'none' | 'client_secret_basic' | 'client_secret_post' };
  readonly resource: string | null;
  readonly scope: string | null;
}

/** What of a credential's auth is no secret, as stored and, with `expires_at`, as answered. */
export type CredentialAuth =
  | { readonly type: 'static_bearer'; readonly mcp_server_url: string }
  | { readonly type: 'mcp_oauth'; readonly mcp_server_url: string; readonly refresh: OAuthRefresh | null }
  | {
      readonly type: 'environment_variable';
      readonly secret_name: string;
      readonly networking: z.output<typeof Networking>;
      readonly injection_location: { readonly header: boolean; readonly body: boolean };
    };
