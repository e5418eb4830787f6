import { mcpServerKey } from '../../workflows/contract/mcp-server-key.js';
import type { CredentialAuth } from '../../workflows/contract/schema/vault.js';
import type { Secret } from '../config/secret.js';
import type { Pool } from '../postgres/pool.js';
import { findServerCredential, listVariableCredentials } from '../postgres/session-credentials.repo.js';
import { transaction } from '../postgres/transaction.js';
import type { SecretBox } from './secret-box.js';

/** Whose credentials: a session's vaults, in the session's order. */
export interface VaultsOfSession {
  readonly workspaceId: string;
  readonly vaultIds: readonly string[];
}

/** A secret that a sandbox sees as a placeholder. `open` is for whoever puts it in the placeholder's place. */
export interface EnvironmentCredential {
  readonly id: string;
  readonly vaultId: string;
  /** Name of the variable. */
  readonly name: string;
  readonly networking: VariableAuth['networking'];
  readonly injectionLocation: VariableAuth['injection_location'];
  open(): Secret;
}

type VariableAuth = Extract<CredentialAuth, { readonly type: 'environment_variable' }>;

/** The credentials that sessions use. Archived ones, and those of archived and deleted vaults, are not there. */
export interface SessionCredentials {
  /**
   * The token for an MCP server; `undefined` where no vault has one that is still good. Errors: `secret.unreadable`,
   * `service.unavailable`.
   */
  findBearer(request: VaultsOfSession & { readonly url: string }): Promise<{ readonly id: string; readonly token: Secret } | undefined>;
  /** The variables of a session, each name once. No secret is opened. */
  listEnvironmentCredentials(request: VaultsOfSession): Promise<EnvironmentCredential[]>;
}

export function createSessionCredentials({ pool, secretBox }: { readonly pool: Pool; readonly secretBox: SecretBox }): SessionCredentials {
  return {
    async findBearer({ workspaceId, vaultIds, url }) {
      if (vaultIds.length === 0) return undefined;
      const found = await transaction(pool, workspaceId, (tx) => findServerCredential(tx, vaultIds, mcpServerKey(url)));
      return found && { id: found.id, token: secretBox.open(found.secret, { workspaceId, purpose: 'credential.secret', id: found.id }) };
    },
    async listEnvironmentCredentials({ workspaceId, vaultIds }) {
      if (vaultIds.length === 0) return [];
      const found = await transaction(pool, workspaceId, (tx) => listVariableCredentials(tx, vaultIds));
      return found.flatMap(({ id, vaultId, auth, secret }) => {
        if (auth.type !== 'environment_variable') return [];
        const { secret_name: name, networking, injection_location: injectionLocation } = auth;
        const open = () => secretBox.open(secret, { workspaceId, purpose: 'credential.secret', id });
        return [{ id, vaultId, name, networking, injectionLocation, open }];
      });
    },
  };
}
