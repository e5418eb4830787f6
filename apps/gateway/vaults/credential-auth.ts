import { RondoError } from '../../../workflows/contract/errors.js';
import { mcpServerKey } from '../../../workflows/contract/mcp-server-key.js';
import type { CredentialAuth, CredentialAuthCreate, CredentialAuthUpdate } from '../../../workflows/contract/schema/vault.js';
import { updated } from '../http/partial-update.js';

/** Secrets as they came, on the way to be sealed: absent ones stay as stored, null takes one away. */
export interface PlainSecrets {
  readonly secret?: string | undefined;
  readonly refreshToken?: string | null | undefined;
  readonly clientSecret?: string | null | undefined;
}

/** An auth object taken apart: what is answered, and what is sealed. */
export interface SplitAuth {
  readonly auth: CredentialAuth;
  readonly expiresAt: Date | null;
  readonly secrets: PlainSecrets;
}

/** What a credential is found by: the one spelling of the server's address, or the variable's name. */
export const targetOf = (auth: CredentialAuth): string => (auth.type === 'environment_variable' ? auth.secret_name : mcpServerKey(auth.mcp_server_url));

/** A new credential's auth with every default filled in. Errors: `request.invalid`. */
export function splitNewAuth(input: CredentialAuthCreate, now: Date): SplitAuth & { readonly secrets: { readonly secret: string } } {
  switch (input.type) {
    case 'static_bearer':
      return { auth: { type: input.type, mcp_server_url: input.mcp_server_url }, expiresAt: null, secrets: { secret: input.token } };
    case 'mcp_oauth': {
      const { type, mcp_server_url, access_token, expires_at, refresh } = input;
      const endpointAuth = refresh?.token_endpoint_auth;
      return {
        auth: {
          type,
          mcp_server_url,
          refresh: refresh
            ? {
                client_id: refresh.client_id,
                token_endpoint: refresh.token_endpoint,
                token_endpoint_auth: { type: refresh.token_endpoint_auth.type },
                resource: refresh.resource || null,
                scope: refresh.scope || null,
              }
            : null,
        },
        expiresAt: inFuture(expires_at ?? null, now),
        secrets: {
          secret: access_token,
          refreshToken: refresh?.refresh_token,
          clientSecret: endpointAuth && 'client_secret' in endpointAuth ? endpointAuth.client_secret : undefined,
        },
      };
    }
    case 'environment_variable': {
      const { type, secret_name, networking, injection_location: given } = input;
      const location = given ? { header: given.header ?? false, body: given.body ?? false } : { header: true, body: true };
      return {
        auth: { type, secret_name, networking, injection_location: somewhere(location) },
        expiresAt: null,
        secrets: { secret: input.secret_value },
      };
    }
  }
}

/** A stored auth with a change applied. Errors: `request.invalid`, naming the field; another type is not accepted. */
export function splitChangedAuth(stored: Omit<SplitAuth, 'secrets'>, change: CredentialAuthUpdate, now: Date): SplitAuth {
  const { auth } = stored;
  if (auth.type === 'static_bearer' && change.type === auth.type) return { ...stored, secrets: { secret: change.token } };
  if (auth.type === 'mcp_oauth' && change.type === auth.type) return changeOAuth({ ...stored, auth }, change, now);
  if (auth.type === 'environment_variable' && change.type === auth.type) {
    const injection_location = somewhere({ ...auth.injection_location, ...change.injection_location });
    return { ...stored, auth: { ...auth, networking: change.networking ?? auth.networking, injection_location }, secrets: { secret: change.secret_value } };
  }
  throw invalid('auth.type', `this credential is of type ${auth.type}, which cannot be changed; create another credential.`);
}

type OAuth = Extract<CredentialAuth, { readonly type: 'mcp_oauth' }>;
type OAuthChange = Extract<CredentialAuthUpdate, { readonly type: 'mcp_oauth' }>;

function changeOAuth(stored: { readonly auth: OAuth; readonly expiresAt: Date | null }, change: OAuthChange, now: Date): SplitAuth {
  const { auth } = stored;
  const expiresAt = change.expires_at === undefined ? stored.expiresAt : inFuture(change.expires_at, now);
  const secrets = { secret: change.access_token };
  if (change.refresh === undefined) return { auth, expiresAt, secrets };
  if (change.refresh === null) return { auth: { ...auth, refresh: null }, expiresAt, secrets: { ...secrets, refreshToken: null, clientSecret: null } };
  if (!auth.refresh) throw invalid('auth.refresh', 'this credential was created without a refresh configuration; create another credential.');
  const { refresh_token, scope, token_endpoint_auth: endpointAuth } = change.refresh;
  if (endpointAuth && auth.refresh.token_endpoint_auth.type === 'none') {
    throw invalid('auth.refresh.token_endpoint_auth', 'this credential has no client secret to replace; create another credential.');
  }
  return {
    auth: { ...auth, refresh: { ...auth.refresh, scope: updated(scope, auth.refresh.scope, null) || null } },
    expiresAt,
    secrets: { ...secrets, refreshToken: refresh_token, clientSecret: endpointAuth?.client_secret },
  };
}

function inFuture(time: Date | null, now: Date): Date | null {
  if (time && time <= now) throw invalid('auth.expires_at', 'must be in the future.');
  return time;
}

function somewhere(location: { readonly header?: boolean | undefined; readonly body?: boolean | undefined }): {
  readonly header: boolean;
  readonly body: boolean;
} {
  const { header = false, body = false } = location;
  if (!header && !body) throw invalid('auth.injection_location', 'header, body or both must be true.');
  return { header, body };
}

const invalid = (field: string, problem: string): RondoError => new RondoError('request.invalid', `${field}: ${problem}`);
