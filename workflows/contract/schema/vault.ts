import { z } from 'zod';
import { HostPattern } from './host-pattern.js';
import { Metadata, MetadataPatch } from './metadata.js';
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

const fixed = z.never('cannot be changed after the credential was created').optional().describe('Cannot be changed; leave it out.');

const address = webAddress(/^https?$/, 'must be an http or https address', 'addresses are answered').refine(
  (text) => !text.includes('#'),
  'must not have a fragment',
);

const publicText = z
  .string()
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
  .max(2_048);

const serverUrl = address.describe("The server's address, by which it is found without query and slashes at the end; one in a vault.");

const displayName = z.string({ error: orKept }).min(1).max(255).describe('For people. It cannot be cleared.');

export const VaultCreate = z.strictObject({ display_name: displayName, metadata: Metadata });

export const VaultUpdate = z.strictObject({ display_name: displayName.optional(), metadata: MetadataPatch });

const token = bearerToken.describe('Goes to the server as Authorization: Bearer; given without that word, and never answered.');

const StaticBearerCreate = z.strictObject({ type: z.literal('static_bearer'), mcp_server_url: serverUrl, token });

const StaticBearerUpdate = z.strictObject({ type: z.literal('static_bearer'), mcp_server_url: fixed, token: token.optional() });

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-22T21:00:00Z' }).transform((text) => new Date(text));

const expiresAt = time.nullish().describe('When the access token ends, in the future: from then on it is not sent. Null is never.');
const refreshToken = oauthSecret.describe('Stored for later, and never answered.');
const clientSecret = oauthSecret.describe('Of the OAuth client; stored for later, and never answered.');
const scope = publicText.nullish().describe('The scope to ask for. Null or empty is none.');

const OAuthRefreshCreate = z.strictObject({
  client_id: publicText.min(1).describe('Id of the OAuth client.'),
  refresh_token: refreshToken,
  token_endpoint: address.describe('Where the refresh token is exchanged.'),
  token_endpoint_auth: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('none') }),
      z.strictObject({ type: z.literal('client_secret_basic'), client_secret: clientSecret }),
      z.strictObject({ type: z.literal('client_secret_post'), client_secret: clientSecret }),
    ])
    .describe('How the client proves itself there.'),
  resource: publicText.nullish().describe('The resource to ask for (RFC 8707). Null or empty is none.'),
  scope,
});

const OAuthCreate = z.strictObject({
  type: z.literal('mcp_oauth'),
  mcp_server_url: serverUrl,
  access_token: token,
  expires_at: expiresAt,
  refresh: OAuthRefreshCreate.nullish().describe('Stored for later: no refresh token is exchanged yet, so an expired access token has to be replaced.'),
});

const OAuthUpdate = z.strictObject({
  type: z.literal('mcp_oauth'),
  mcp_server_url: fixed,
  access_token: token.optional(),
  expires_at: expiresAt,
  refresh: z
    .strictObject({
      client_id: fixed,
      token_endpoint: fixed,
      resource: fixed,
      refresh_token: refreshToken.optional(),
      scope,
      token_endpoint_auth: z
        .strictObject({
          type: z.enum(['client_secret_basic', 'client_secret_post']).describe('Changes nothing: what was given at creation stays.'),
          client_secret: clientSecret.optional(),
        })
        .optional()
        .describe('Another client secret, where the credential has one.'),
    })
    .nullish()
    .describe('Changes of what was given at creation: what is left out stays. Null removes it for good.'),
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
        .transform((hosts) => [...new Set(hosts)])
        .describe('Names, IPv4 addresses, or *. and a name for every name below it; without scheme, port and path.'),
    }),
  ],
  { error: orKept },
);

const destinations = Networking.describe(
  'The hosts toward which the secret takes its place, over TLS only. unrestricted is every host that the session may reach.',
);
const secretText = secretValue.describe('Takes the place of the placeholder on the way out; never seen inside, never answered.');

const InjectionLocation = z.strictObject({
  header: z.boolean().optional().describe('Whether the secret takes its place in headers.'),
  body: z.boolean().optional().describe('Whether the secret takes its place in bodies that are not compressed.'),
});

const EnvironmentVariableCreate = z.strictObject({
  type: z.literal('environment_variable'),
  secret_name: SecretName.describe('The variable of the sandbox that holds the placeholder; one in a vault, and none that shells or programs act on.'),
  secret_value: secretText,
  networking: destinations,
  injection_location: InjectionLocation.optional().describe(
    'Where in a request: headers and bodies if it is not given, else what is true in it, at least one.',
  ),
});

const EnvironmentVariableUpdate = z.strictObject({
  type: z.literal('environment_variable'),
  secret_name: fixed,
  secret_value: secretText.optional(),
  networking: destinations.optional(),
  injection_location: InjectionLocation.optional().describe('What is left out in it stays; at least one must be true then.'),
});

export const CredentialAuthCreate = z.discriminatedUnion('type', [StaticBearerCreate, OAuthCreate, EnvironmentVariableCreate]);
export const CredentialAuthUpdate = z.discriminatedUnion('type', [StaticBearerUpdate, OAuthUpdate, EnvironmentVariableUpdate]);

const credentialName = z.string().max(255).nullish().describe('For people. Null or empty is none.');

export const CredentialCreate = z.strictObject({
  auth: CredentialAuthCreate.describe(
    'What the credential is: a token for an MCP server, or a secret variable of sandboxes. It is not tried when it is stored.',
  ),
  display_name: credentialName,
  metadata: Metadata,
});

export const CredentialUpdate = z.strictObject({
  auth: CredentialAuthUpdate.optional().describe('Changes of the same type: what is left out in it stays.'),
  display_name: credentialName,
  metadata: MetadataPatch,
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
