import { newId } from '../ids.js';
import { hashOfCredential } from './api-keys.repo.js';
import { toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Db } from './pool.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

export interface EnvironmentKeyRecord {
  readonly id: string;
  readonly environmentId: string;
  readonly name: string | null;
  /** The key's last characters. */
  readonly hint: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

const COLUMNS = `id, environment_id as "environmentId", name, hint, created_at as "createdAt", revoked_at as "revokedAt"`;

/** The environment that a key opens; `undefined` for an unknown or revoked one. */
export async function findEnvironmentOfKey(db: Db, key: string): Promise<{ keyId: string; workspaceId: string; environmentId: string } | undefined> {
  const { rows } = await db.query<{ keyId: string; workspaceId: string; environmentId: string }>({
    name: 'environment_of_key',
    text: 'select key_id as "keyId", workspace_id as "workspaceId", environment_id as "environmentId" from environment_of_key($1)',
    values: [hashOfCredential(key)],
  });
  return rows[0];
}

export async function insertEnvironmentKey(
  tx: Transaction,
  given: { readonly environmentId: string; readonly name: string | null; readonly key: string },
): Promise<EnvironmentKeyRecord> {
  const { rows } = await tx.query<EnvironmentKeyRecord>(
    `insert into environment_keys (id, environment_id, workspace_id, name, key_hash, hint) values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
    [
      newId('environmentKey'),
      given.environmentId,
      tx.workspaceId,
      given.name === null ? null : toText(given.name),
      hashOfCredential(given.key),
      given.key.slice(-4),
    ],
  );
  return only(rows);
}

export async function listEnvironmentKeys(tx: Transaction, environmentId: string, page: PageRequest): Promise<Page<EnvironmentKeyRecord>> {
  const where = createFilter();
  where.where(environmentId, (parameter) => `environment_id = ${parameter}`);
  where.after('created_at', page);
  const { rows } = await tx.query<EnvironmentKeyRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from environment_keys ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

/** Revoking again changes nothing. Answers `undefined` when the environment has no such key. */
export async function revokeEnvironmentKey(tx: Transaction, environmentId: string, id: string): Promise<EnvironmentKeyRecord | undefined> {
  const { rows } = await tx.query<EnvironmentKeyRecord>(
    `update environment_keys set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = $1 and environment_id = $2 returning ${COLUMNS}`,
    [id, environmentId],
  );
  return rows[0];
}
