import { archiveCredentialsOf } from '../../../infra/postgres/credentials.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import {
  archiveVault,
  deleteVault,
  findVault,
  insertVault,
  listVaults,
  lockVault,
  updateVault,
  type VaultRecord,
} from '../../../infra/postgres/vaults.repo.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { VaultListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { VaultCreate, VaultUpdate } from '../../../workflows/contract/schema/vault.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { applyMetadataPatch } from '../http/partial-update.js';
import { knownId, notFound } from '../http/path-id.js';
import { toVaultWire } from './vault.wire.js';

export class VaultsService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create(workspaceId: string, input: VaultCreate) {
    const vault = { displayName: input.display_name, metadata: input.metadata ?? {} };
    return toVaultWire(await transaction(this.#pool, workspaceId, (tx) => insertVault(tx, vault)));
  }

  async retrieve(workspaceId: string, id: string) {
    return toVaultWire(await transaction(this.#pool, workspaceId, (tx) => requireVault(tx, id)));
  }

  async list(workspaceId: string, query: VaultListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, (tx) => listVaults(tx, page.request, { includeArchived: query.include_archived }));
    return oneWay(page.toWire(found, toVaultWire));
  }

  async update(workspaceId: string, id: string, change: VaultUpdate) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const vault = await requireOpenVault(tx, id);
      const displayName = change.display_name ?? vault.displayName;
      return toVaultWire(await updateVault(tx, id, { displayName, metadata: applyMetadataPatch(vault.metadata, change.metadata) }));
    });
  }

  /** Takes a vault out of use for good, and the secrets of its credentials with it. Doing it again changes nothing. */
  async archive(workspaceId: string, id: string) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const vault = await requireLocked(tx, id);
      if (vault.archivedAt) return toVaultWire(vault);
      await archiveCredentialsOf(tx, id);
      return toVaultWire(await archiveVault(tx, id));
    });
  }

  /** Sessions that name the vault go on without it. */
  async delete(workspaceId: string, id: string) {
    const deleted = await transaction(this.#pool, workspaceId, (tx) => deleteVault(tx, id));
    if (!deleted) throw notFound('vault', id);
    return { id, type: 'vault_deleted' as const };
  }
}

/** A vault of this workspace. Errors: `vault.not_found`. */
export async function requireVault(tx: Transaction, id: string): Promise<VaultRecord> {
  const vault = await findVault(tx, knownId('vault', id));
  if (!vault) throw notFound('vault', id);
  return vault;
}

/** A vault that can be changed, held until the transaction ends. Errors: `vault.not_found`, `vault.archived`. */
export async function requireOpenVault(tx: Transaction, id: string): Promise<VaultRecord> {
  const vault = await requireLocked(tx, id);
  if (vault.archivedAt) throw new RondoError('vault.archived', `Vault ${id} is archived; it takes no changes and no credentials.`);
  return vault;
}

async function requireLocked(tx: Transaction, id: string): Promise<VaultRecord> {
  const vault = await lockVault(tx, knownId('vault', id));
  if (!vault) throw notFound('vault', id);
  return vault;
}
