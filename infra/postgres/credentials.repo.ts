import type { CredentialAuth } from '../../workflows/contract/schema/vault.js';
import { toJsonb, toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** A credential without its secrets: those have statements of their own, so that no listing can carry one. */
export interface CredentialRecord {
  readonly id: string;
  readonly vaultId: string;
  readonly displayName: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly auth: CredentialAuth;
  readonly expiresAt: Date | null;
  readonly hasRefreshToken: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
}

/** Sealed secrets: absent ones stay, null takes one away. */
export interface SealedSecrets {
  readonly secret?: Buffer | undefined;
  readonly refreshToken?: Buffer | null | undefined;
  readonly clientSecret?: Buffer | null | undefined;
}

export interface NewCredential extends Pick<CredentialRecord, 'id' | 'vaultId' | 'displayName' | 'metadata' | 'auth' | 'expiresAt'> {
  /** What it is found by; one active credential of a vault has it. */
  readonly target: string;
  readonly sealed: SealedSecrets & { readonly secret: Buffer };
}

export interface CredentialChange extends Pick<CredentialRecord, 'displayName' | 'metadata' | 'auth' | 'expiresAt'> {
  readonly sealed: SealedSecrets;
}

const COLUMNS = `id, vault_id as "vaultId", display_name as "displayName", metadata, auth, expires_at as "expiresAt",
  refresh_token is not null as "hasRefreshToken", created_at as "createdAt", updated_at as "updatedAt", archived_at as "archivedAt"`;

const textOrNull = (text: string | null): string | null => (text === null ? null : toText(text));

/** Answers `undefined` when an active credential of the vault has that target. */
export async function insertCredential(tx: Transaction, credential: NewCredential): Promise<CredentialRecord | undefined> {
  const { id, vaultId, displayName, metadata, auth, target, expiresAt, sealed } = credential;
  const { rows } = await tx.query<CredentialRecord>(
    `insert into vault_credentials (id, vault_id, workspace_id, display_name, metadata, auth, target, expires_at, secret, refresh_token, client_secret)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (vault_id, target) where archived_at is null do nothing returning ${COLUMNS}`,
    [
      id,
      vaultId,
      tx.workspaceId,
      textOrNull(displayName),
      toJsonb(metadata),
      toJsonb(auth),
      toText(target),
      expiresAt,
      sealed.secret,
      sealed.refreshToken ?? null,
      sealed.clientSecret ?? null,
    ],
  );
  return rows[0];
}

export async function findCredential(tx: Transaction, vaultId: string, id: string): Promise<CredentialRecord | undefined> {
  const { rows } = await tx.query<CredentialRecord>(`select ${COLUMNS} from vault_credentials where vault_id = $1 and id = $2`, [vaultId, id]);
  return rows[0];
}

export async function lockCredential(tx: Transaction, vaultId: string, id: string): Promise<CredentialRecord | undefined> {
  const { rows } = await tx.query<CredentialRecord>(`select ${COLUMNS} from vault_credentials where vault_id = $1 and id = $2 for update`, [vaultId, id]);
  return rows[0];
}

export async function countActiveCredentials(tx: Transaction, vaultId: string): Promise<number> {
  const { rows } = await tx.query<{ count: number }>('select count(*) as count from vault_credentials where vault_id = $1 and archived_at is null', [vaultId]);
  return only(rows).count;
}

export async function listCredentials(
  tx: Transaction,
  vaultId: string,
  page: PageRequest,
  filter: { readonly includeArchived: boolean },
): Promise<Page<CredentialRecord>> {
  const where = createFilter();
  where.where(vaultId, (parameter) => `vault_id = ${parameter}`);
  if (!filter.includeArchived) where.raw('archived_at is null');
  where.after('created_at', page);
  const { rows } = await tx.query<CredentialRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from vault_credentials ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

export async function updateCredential(tx: Transaction, id: string, change: CredentialChange): Promise<CredentialRecord> {
  const { displayName, metadata, auth, expiresAt, sealed } = change;
  const { rows } = await tx.query<CredentialRecord>(
    `update vault_credentials
     set display_name = $2, metadata = $3, auth = $4, expires_at = $5, updated_at = clock_timestamp(), secret = coalesce($6, secret),
       refresh_token = case when $7 then $8::bytea else refresh_token end, client_secret = case when $9 then $10::bytea else client_secret end
     where id = $1 returning ${COLUMNS}`,
    [
      id,
      textOrNull(displayName),
      toJsonb(metadata),
      toJsonb(auth),
      expiresAt,
      sealed.secret ?? null,
      sealed.refreshToken !== undefined,
      sealed.refreshToken ?? null,
      sealed.clientSecret !== undefined,
      sealed.clientSecret ?? null,
    ],
  );
  return only(rows);
}

const PURGE = `archived_at = clock_timestamp(), updated_at = clock_timestamp(), secret = null, refresh_token = null, client_secret = null`;

/** Takes it out of use for good, its secrets with it. */
export async function archiveCredential(tx: Transaction, id: string): Promise<CredentialRecord> {
  const { rows } = await tx.query<CredentialRecord>(`update vault_credentials set ${PURGE} where id = $1 returning ${COLUMNS}`, [id]);
  return only(rows);
}

/** The same for every active credential of a vault. */
export async function archiveCredentialsOf(tx: Transaction, vaultId: string): Promise<void> {
  await tx.query(`update vault_credentials set ${PURGE} where vault_id = $1 and archived_at is null`, [vaultId]);
}

/** Answers whether it was there. */
export async function deleteCredential(tx: Transaction, vaultId: string, id: string): Promise<boolean> {
  const { rowCount } = await tx.query('delete from vault_credentials where vault_id = $1 and id = $2', [vaultId, id]);
  return rowCount === 1;
}

/** The sealed token, access token or value of an active credential. */
export async function findSealedSecret(tx: Transaction, id: string): Promise<Buffer | undefined> {
  const { rows } = await tx.query<{ secret: Buffer | null }>('select secret from vault_credentials where id = $1', [id]);
  return rows[0]?.secret ?? undefined;
}
