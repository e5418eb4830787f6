import { RondoError } from '../../workflows/contract/errors.js';
import { idSchema } from '../../workflows/contract/ids.js';
import { newId } from '../ids.js';
import { toJsonb, toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

export interface VaultRecord {
  readonly id: string;
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
}

export type VaultFields = Pick<VaultRecord, 'displayName' | 'metadata'>;

/** What the wire allows on one session. */
const MOST_VAULTS = 50;

const COLUMNS = `id, display_name as "displayName", metadata, created_at as "createdAt", updated_at as "updatedAt", archived_at as "archivedAt"`;

export async function insertVault(tx: Transaction, vault: VaultFields): Promise<VaultRecord> {
  const { rows } = await tx.query<VaultRecord>(`insert into vaults (id, workspace_id, display_name, metadata) values ($1, $2, $3, $4) returning ${COLUMNS}`, [
    newId('vault'),
    tx.workspaceId,
    toText(vault.displayName),
    toJsonb(vault.metadata),
  ]);
  return only(rows);
}

export async function findVault(tx: Transaction, id: string): Promise<VaultRecord | undefined> {
  const { rows } = await tx.query<VaultRecord>(`select ${COLUMNS} from vaults where id = $1`, [id]);
  return rows[0];
}

/** The vault, held until the transaction ends: whoever adds a credential or archives the vault takes its turn. */
export async function lockVault(tx: Transaction, id: string): Promise<VaultRecord | undefined> {
  const { rows } = await tx.query<VaultRecord>(`select ${COLUMNS} from vaults where id = $1 for no key update`, [id]);
  return rows[0];
}

export async function listVaults(tx: Transaction, page: PageRequest, filter: { readonly includeArchived: boolean }): Promise<Page<VaultRecord>> {
  const where = createFilter();
  where.where(tx.workspaceId, (parameter) => `workspace_id = ${parameter}`);
  if (!filter.includeArchived) where.raw('archived_at is null');
  where.after('created_at', page);
  const { rows } = await tx.query<VaultRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from vaults ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

export async function updateVault(tx: Transaction, id: string, vault: VaultFields): Promise<VaultRecord> {
  const { rows } = await tx.query<VaultRecord>(
    `update vaults set display_name = $2, metadata = $3, updated_at = clock_timestamp() where id = $1 returning ${COLUMNS}`,
    [id, toText(vault.displayName), toJsonb(vault.metadata)],
  );
  return only(rows);
}

export async function archiveVault(tx: Transaction, id: string): Promise<VaultRecord> {
  const { rows } = await tx.query<VaultRecord>(
    `update vaults set archived_at = clock_timestamp(), updated_at = clock_timestamp() where id = $1 returning ${COLUMNS}`,
    [id],
  );
  return only(rows);
}

/** Deletes it with its credentials; sessions that name it go on without. Answers whether it was there. */
export async function deleteVault(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query('delete from vaults where id = $1', [id]);
  return rowCount === 1;
}

/** That a session may be given these vaults. Errors, naming `vault_ids`: `vault.not_found`, `vault.archived`, `request.invalid` for more than 50. */
export async function requireVaults(tx: Transaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  if (ids.length > MOST_VAULTS) throw new RondoError('request.invalid', `vault_ids: ${ids.length} vaults are given; at most ${MOST_VAULTS} are accepted.`);
  const possible = ids.filter((id) => idSchema('vault').safeParse(id).success);
  const { rows } = await tx.query<{ id: string; archivedAt: Date | null }>('select id, archived_at as "archivedAt" from vaults where id = any($1)', [possible]);
  const found = new Map(rows.map((row) => [row.id, row]));
  for (const id of ids) {
    const vault = found.get(id);
    if (!vault) throw new RondoError('vault.not_found', `vault_ids: vault ${JSON.stringify(id.slice(0, 100))} does not exist in this workspace.`);
    if (vault.archivedAt) throw new RondoError('vault.archived', `vault_ids: vault ${id} is archived; it takes no new sessions.`);
  }
}
