import type { SecretPurpose } from '../vault/secret-box.js';
import type { Db } from './pool.js';
import type { Transaction } from './transaction.js';

/** Where each kind of sealed secret lies. */
const PLACES: Readonly<Record<SecretPurpose, { readonly table: string; readonly column: string }>> = {
  'credential.secret': { table: 'vault_credentials', column: 'secret' },
  'credential.refresh_token': { table: 'vault_credentials', column: 'refresh_token' },
  'credential.client_secret': { table: 'vault_credentials', column: 'client_secret' },
  'resource.token': { table: 'session_resources', column: 'token' },
};

export const SECRET_PURPOSES = Object.keys(PLACES) as readonly SecretPurpose[];

export interface SealedSecret {
  /** Id of the row. */
  readonly id: string;
  readonly sealed: Buffer;
}

export async function listWorkspaceIds(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>('select workspace_id as id from all_workspaces() order by 1');
  return rows.map(({ id }) => id);
}

/** Secrets that are not wrapped under the key of this id, by row id, after one. */
export async function listSealedUnderOthers(
  tx: Transaction,
  purpose: SecretPurpose,
  request: { readonly keyId: Buffer; readonly after: string; readonly limit: number },
): Promise<SealedSecret[]> {
  const { table, column } = PLACES[purpose];
  const { rows } = await tx.query<SealedSecret>(
    `select id, ${column} as sealed from ${table}
     where ${column} is not null and substring(${column} from 2 for ${request.keyId.length}) <> $1 and id > $2 order by id limit $3`,
    [request.keyId, request.after, request.limit],
  );
  return rows;
}

/** Replaces a sealed secret, unless it is another by now. Answers whether it did. */
export async function replaceSealed(tx: Transaction, purpose: SecretPurpose, { id, sealed }: SealedSecret, fresh: Buffer): Promise<boolean> {
  const { table, column } = PLACES[purpose];
  const { rowCount } = await tx.query(`update ${table} set ${column} = $3 where id = $1 and ${column} = $2`, [id, sealed, fresh]);
  return rowCount === 1;
}
