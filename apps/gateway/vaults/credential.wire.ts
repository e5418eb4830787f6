import { z } from 'zod';
import type { CredentialRecord } from '../../../infra/postgres/credentials.repo.js';

const RefreshWire = z.strictObject({
  client_id: z.string(),
  token_endpoint: z.string(),
  token_endpoint_auth: z.strictObject({ type: z.enum(['none', 'client_secret_basic', 'client_secret_post']) }),
  resource: z.string().nullable(),
  scope: z.string().nullable(),
});

const AuthWire = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('static_bearer'), mcp_server_url: z.string() }),
  z.strictObject({
    type: z.literal('mcp_oauth'),
    mcp_server_url: z.string(),
    expires_at: z.iso.datetime().nullable(),
    refresh: RefreshWire.nullable(),
  }),
  z.strictObject({
    type: z.literal('environment_variable'),
    secret_name: z.string(),
    networking: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('unrestricted') }),
      z.strictObject({ type: z.literal('limited'), allowed_hosts: z.array(z.string()) }),
    ]),
    injection_location: z.strictObject({ header: z.boolean(), body: z.boolean() }),
  }),
]);

/** Closed all the way down: what is not named here is not answered. */
export const CredentialWire = z
  .strictObject({
    id: z.string(),
    type: z.literal('vault_credential'),
    vault_id: z.string(),
    display_name: z.string().nullable(),
    auth: AuthWire,
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'VaultCredential' });

export const DeletedCredentialWire = z.object({ id: z.string(), type: z.literal('vault_credential_deleted') }).meta({ id: 'DeletedVaultCredential' });

/** A credential without its secrets (wire section 4). */
export const toCredentialWire = (credential: CredentialRecord): z.infer<typeof CredentialWire> => ({
  id: credential.id,
  type: 'vault_credential',
  vault_id: credential.vaultId,
  display_name: credential.displayName,
  auth: toAuthWire(credential),
  metadata: { ...credential.metadata },
  created_at: credential.createdAt.toISOString(),
  updated_at: credential.updatedAt.toISOString(),
  archived_at: credential.archivedAt?.toISOString() ?? null,
});

function toAuthWire({ auth, expiresAt }: CredentialRecord): z.infer<typeof AuthWire> {
  switch (auth.type) {
    case 'static_bearer':
      return { type: auth.type, mcp_server_url: auth.mcp_server_url };
    case 'mcp_oauth': {
      const { type, mcp_server_url, refresh } = auth;
      return { type, mcp_server_url, expires_at: expiresAt?.toISOString() ?? null, refresh };
    }
    case 'environment_variable': {
      const { type, secret_name, networking, injection_location } = auth;
      return { type, secret_name, networking, injection_location };
    }
  }
}
