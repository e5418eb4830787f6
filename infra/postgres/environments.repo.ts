import type { SessionImage } from '../../workflows/contract/sandbox-records.js';
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
  /** The image that its packages make. */
  readonly image: { readonly state: SessionImage['state']; readonly error?: string };
}

export type NewEnvironment = Pick<EnvironmentRecord, 'name' | 'description' | 'config' | 'metadata'>;

/** Ready on one host is ready; hosts build it when they need it. */
const IMAGE = `case when packages_hash(config) is null then '{"state": "none"}'::jsonb else coalesce(
  (select case when i.state = 'failed' then jsonb_build_object('state', i.state, 'error', i.error) else jsonb_build_object('state', i.state) end
   from environment_images i where i.workspace_id = environments.workspace_id and i.packages_hash = packages_hash(environments.config)
   order by array_position(array['ready', 'building', 'failed'], i.state) limit 1), '{"state": "building"}') end as image`;

const COLUMNS = `id, name, description, config, metadata, created_at as "createdAt", updated_at as "updatedAt", archived_at as "archivedAt", ${IMAGE}`;

const storable = ({ name, description, config, metadata }: NewEnvironment) => [
  toText(name),
  description === null ? null : toText(description),
  toJsonb(config),
  toJsonb(metadata),
];

/** Answers `undefined` when an environment of that name, not archived, exists already. */
export async function insertEnvironment(tx: Transaction, environment: NewEnvironment): Promise<EnvironmentRecord | undefined> {
  const { rows } = await tx.query<EnvironmentRecord>(
    `insert into environments (id, workspace_id, name, description, config, metadata) values ($1, $2, $3, $4, $5, $6)
     on conflict (workspace_id, name) where archived_at is null do nothing returning ${COLUMNS}`,
    [newId('environment'), tx.workspaceId, ...storable(environment)],
  );
  return rows[0];
}

/** The environment of that name; made where there is none. */
export async function ensureEnvironment(tx: Transaction, environment: NewEnvironment): Promise<EnvironmentRecord> {
  const find = () =>
    tx.query<EnvironmentRecord>(`select ${COLUMNS} from environments where name = $1 and archived_at is null for key share`, [environment.name]);
  return (await find()).rows[0] ?? (await insertEnvironment(tx, environment)) ?? only((await find()).rows);
}

const LOCKS = {
  none: '',
  /** It cannot be deleted meanwhile. */ hold: 'for key share',
  /** Nobody else changes it meanwhile. */ change: 'for update',
} as const;

export async function findEnvironment(tx: Transaction, id: string, lock: keyof typeof LOCKS = 'none'): Promise<EnvironmentRecord | undefined> {
  const { rows } = await tx.query<EnvironmentRecord>(`select ${COLUMNS} from environments where id = $1 ${LOCKS[lock]}`, [id]);
  return rows[0];
}

/** Throws a unique violation when another environment has the name. */
export async function updateEnvironment(tx: Transaction, id: string, environment: NewEnvironment): Promise<EnvironmentRecord> {
  const { rows } = await tx.query<EnvironmentRecord>(
    `update environments set name = $2, description = $3, config = $4, metadata = $5, updated_at = clock_timestamp() where id = $1 returning ${COLUMNS}`,
    [id, ...storable(environment)],
  );
  return only(rows);
}

/** Doing it again changes nothing. The name is free afterwards. */
export async function archiveEnvironment(tx: Transaction, id: string): Promise<EnvironmentRecord | undefined> {
  const { rows } = await tx.query<EnvironmentRecord>(
    `update environments set archived_at = coalesce(archived_at, clock_timestamp()) where id = $1 returning ${COLUMNS}`,
    [id],
  );
  return rows[0];
}

/** How many sessions refer to it. */
export async function countSessions(tx: Transaction, environmentId: string): Promise<number> {
  const { rows } = await tx.query<{ count: number }>('select count(*) as count from sessions where environment_id = $1', [environmentId]);
  return only(rows).count;
}

export async function deleteEnvironment(tx: Transaction, id: string): Promise<void> {
  await tx.query('delete from environments where id = $1', [id]);
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
