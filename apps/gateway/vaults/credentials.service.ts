import { newId } from '../../../infra/ids.js';
import {
  archiveCredential,
  type CredentialRecord,
  countActiveCredentials,
  deleteCredential,
  findCredential,
  insertCredential,
  listCredentials,
  lockCredential,
  type SealedSecrets,
  updateCredential,
} from '../../../infra/postgres/credentials.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import type { SecretBox, SecretPurpose } from '../../../infra/vault/secret-box.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { VaultListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { CredentialAuth, CredentialCreate, CredentialUpdate } from '../../../workflows/contract/schema/vault.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { applyMetadataPatch, updated } from '../http/partial-update.js';
import { knownId, notFound } from '../http/path-id.js';
import { toCredentialWire } from './credential.wire.js';
import { type PlainSecrets, splitChangedAuth, splitNewAuth, targetOf } from './credential-auth.js';
import { requireOpenVault, requireVault } from './vaults.service.js';

/** What the wire allows in one vault. */
const MOST_CREDENTIALS = 20;

export class CredentialsService {
  readonly #pool: Pool;
  readonly #secretBox: SecretBox;

  constructor(pool: Pool, secretBox: SecretBox) {
    this.#pool = pool;
    this.#secretBox = secretBox;
  }

  async create(workspaceId: string, vaultId: string, input: CredentialCreate) {
    const { auth, expiresAt, secrets } = splitNewAuth(input.auth, new Date());
    const id = newId('credential');
    const sealed = { ...this.#seal(workspaceId, id, secrets), secret: this.#sealOne(workspaceId, 'credential.secret', id, secrets.secret) };
    return transaction(this.#pool, workspaceId, async (tx) => {
      await requireOpenVault(tx, vaultId);
      const fields = { id, vaultId, displayName: input.display_name || null, metadata: input.metadata ?? {}, auth, expiresAt };
      const count = await countActiveCredentials(tx, vaultId);
      if (count >= MOST_CREDENTIALS) {
        throw new RondoError(
          'request.invalid',
          `Vault ${vaultId} holds ${count} credentials; at most ${MOST_CREDENTIALS} are kept. Archive or delete one first.`,
        );
      }
      const created = await insertCredential(tx, { ...fields, target: targetOf(auth), sealed });
      if (!created) throw taken(vaultId, auth);
      return toCredentialWire(created);
    });
  }

  async retrieve(workspaceId: string, vaultId: string, id: string) {
    return toCredentialWire(await transaction(this.#pool, workspaceId, (tx) => requireCredential(tx, vaultId, id)));
  }

  async list(workspaceId: string, vaultId: string, query: VaultListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await requireVault(tx, vaultId);
      return listCredentials(tx, vaultId, page.request, { includeArchived: query.include_archived });
    });
    return oneWay(page.toWire(found, toCredentialWire));
  }

  async update(workspaceId: string, vaultId: string, id: string, change: CredentialUpdate) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const credential = await requireLocked(tx, vaultId, id);
      if (credential.archivedAt) throw new RondoError('credential.archived', `Credential ${id} is archived; it takes no changes. Create another.`);
      const { auth, expiresAt, secrets } = change.auth ? splitChangedAuth(credential, change.auth, new Date()) : { ...credential, secrets: {} };
      const displayName = updated(change.display_name, credential.displayName, null) || null;
      const metadata = applyMetadataPatch(credential.metadata, change.metadata);
      return toCredentialWire(await updateCredential(tx, id, { displayName, metadata, auth, expiresAt, sealed: this.#seal(workspaceId, id, secrets) }));
    });
  }

  /** Takes a credential out of use for good, and its secrets with it. Doing it again changes nothing. */
  async archive(workspaceId: string, vaultId: string, id: string) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const credential = await requireLocked(tx, vaultId, id);
      return toCredentialWire(credential.archivedAt ? credential : await archiveCredential(tx, id));
    });
  }

  async delete(workspaceId: string, vaultId: string, id: string) {
    const deleted = await transaction(this.#pool, workspaceId, (tx) => deleteCredential(tx, vaultId, id));
    if (!deleted) throw notFound('credential', id);
    return { id, type: 'vault_credential_deleted' as const };
  }

  #seal(workspaceId: string, id: string, { secret, refreshToken, clientSecret }: PlainSecrets): SealedSecrets {
    const seal = (purpose: SecretPurpose, text: string | null | undefined) => (text == null ? text : this.#sealOne(workspaceId, purpose, id, text));
    return {
      secret: seal('credential.secret', secret) ?? undefined,
      refreshToken: seal('credential.refresh_token', refreshToken),
      clientSecret: seal('credential.client_secret', clientSecret),
    };
  }

  #sealOne(workspaceId: string, purpose: SecretPurpose, id: string, text: string): Buffer {
    return this.#secretBox.seal(text, { workspaceId, purpose, id });
  }
}

/** A credential of a vault of this workspace. Errors: `credential.not_found`. */
export async function requireCredential(tx: Transaction, vaultId: string, id: string): Promise<CredentialRecord> {
  const credential = await findCredential(tx, vaultId, knownId('credential', id));
  if (!credential) throw notFound('credential', id);
  return credential;
}

async function requireLocked(tx: Transaction, vaultId: string, id: string): Promise<CredentialRecord> {
  const credential = await lockCredential(tx, vaultId, id);
  if (!credential) throw notFound('credential', id);
  return credential;
}

function taken(vaultId: string, auth: CredentialAuth): RondoError {
  const [field, value] = auth.type === 'environment_variable' ? ['secret_name', auth.secret_name] : ['mcp_server_url', auth.mcp_server_url];
  return new RondoError(
    'request.conflict',
    `auth.${field}: vault ${vaultId} has an active credential for ${JSON.stringify(value)} already; update it, or archive it first.`,
  );
}
