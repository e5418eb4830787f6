import type { EnvironmentConfig } from '../../workflows/contract/schema/environment.js';
import { newId } from '../ids.js';
import { toJsonb, toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

export interface EnvironmentRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly config: EnvironmentConfig;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
}

export type NewEnvironment = Pick<EnvironmentRecord, 'name' | 'description' | 'config' | 'metadata'>;

const COLUMNS = `id, name, description, config, metadata, created_at as "createdAt", updated_at as "updatedAt", archived_at as "archivedAt"`;

/** Answers `undefined` when an environment of that name, not archived, exists already. */
export async function insertEnvironment(tx: Transaction, environment: NewEnvironment): Promise<EnvironmentRecord | undefined> {
  const { rows } = await tx.query<EnvironmentRecord>(
    `insert into environments (id, workspace_id, name, description, config, metadata) values ($1, $2, $3, $4, $5, $6)
     on conflict (workspace_id, name) where archived_at is null do nothing returning ${COLUMNS}`,
    [
      newId('environment'),
      tx.workspaceId,
      toText(environment.name),
      environment.description === null ? null : toText(environment.description),
      toJsonb(environment.config),
      toJsonb(environment.metadata),
    ],
  );
  return rows[0];
}

/** The environment of that name; made where there is none. */
export async function ensureEnvironment(tx: Transaction, environment: NewEnvironment): Promise<EnvironmentRecord> {
  const find = () => tx.query<EnvironmentRecord>(`select ${COLUMNS} from environments where name = $1 and archived_at is null`, [environment.name]);
  return (await find()).rows[0] ?? (await insertEnvironment(tx, environment)) ?? only((await find()).rows);
}

export async function findEnvironment(tx: Transaction, id: string): Promise<EnvironmentRecord | undefined> {
  const { rows } = await tx.query<EnvironmentRecord>(`select ${COLUMNS} from environments where id = $1`, [id]);
  return rows[0];
}

export async function listEnvironments(tx: Transaction, page: PageRequest, filter: { readonly includeArchived: boolean }): Promise<Page<EnvironmentRecord>> {
  const where = createFilter();
  if (!filter.includeArchived) where.raw('archived_at is null');
  where.after('created_at', page);
  const { rows } = await tx.query<EnvironmentRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from environments ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}
