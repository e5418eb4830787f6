import type { ResourceRecord } from '../../workflows/contract/file-records.js';
import type { JsonObject } from '../../workflows/contract/records.js';
import { toJsonb, toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, session_id as "sessionId", type, mount_path as "mountPath", body, created_at as "createdAt", updated_at as "updatedAt"`;

export interface NewResource {
  readonly id: string;
  readonly type: ResourceRecord['type'];
  readonly mountPath: string;
  readonly body: JsonObject;
  /** A repository's token, encrypted. */
  readonly token?: Buffer | undefined;
}

/** Answers `undefined` when something is mounted at that path already. */
export async function insertResource(tx: Transaction, sessionId: string, resource: NewResource): Promise<ResourceRecord | undefined> {
  const { rows } = await tx.query<ResourceRecord>(
    `insert into session_resources (id, session_id, workspace_id, type, mount_path, body, token) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (session_id, mount_path) do nothing returning ${COLUMNS}`,
    [resource.id, sessionId, tx.workspaceId, resource.type, toText(resource.mountPath), toJsonb(resource.body), resource.token ?? null],
  );
  return rows[0];
}

/** All resources of a session, in the order they were attached. */
export async function readResources(tx: Transaction, sessionId: string): Promise<ResourceRecord[]> {
  const { rows } = await tx.query<ResourceRecord>(`select ${COLUMNS} from session_resources where session_id = $1 order by created_at, id`, [sessionId]);
  return rows;
}

/** Resources of several sessions at once, by session id; sessions without any are absent. */
export async function readResourcesOf(tx: Transaction, sessionIds: readonly string[]): Promise<Map<string, ResourceRecord[]>> {
  const { rows } = await tx.query<ResourceRecord>(`select ${COLUMNS} from session_resources where session_id = any($1) order by created_at, id`, [sessionIds]);
  return Map.groupBy(rows, ({ sessionId }) => sessionId);
}

export async function listResources(tx: Transaction, sessionId: string, page: PageRequest): Promise<Page<ResourceRecord>> {
  const where = createFilter();
  where.where(sessionId, (parameter) => `session_id = ${parameter}`);
  where.after('created_at', page);
  const { rows } = await tx.query<ResourceRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from session_resources ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

export async function findResource(tx: Transaction, sessionId: string, id: string): Promise<ResourceRecord | undefined> {
  const { rows } = await tx.query<ResourceRecord>(`select ${COLUMNS} from session_resources where session_id = $1 and id = $2`, [sessionId, id]);
  return rows[0];
}

/** The encrypted token of a repository. */
export async function findResourceToken(tx: Transaction, sessionId: string, id: string): Promise<Buffer | undefined> {
  const { rows } = await tx.query<{ token: Buffer | null }>('select token from session_resources where session_id = $1 and id = $2', [sessionId, id]);
  return rows[0]?.token ?? undefined;
}

export async function replaceResourceToken(tx: Transaction, sessionId: string, id: string, token: Buffer): Promise<ResourceRecord | undefined> {
  const { rows } = await tx.query<ResourceRecord>(
    `update session_resources set token = $3, updated_at = clock_timestamp() where session_id = $1 and id = $2 returning ${COLUMNS}`,
    [sessionId, id, token],
  );
  return rows[0];
}

export async function deleteResource(tx: Transaction, sessionId: string, id: string): Promise<void> {
  await tx.query('delete from session_resources where session_id = $1 and id = $2', [sessionId, id]);
}

export async function countResources(tx: Transaction, sessionId: string): Promise<Readonly<Record<ResourceRecord['type'], number>>> {
  const { rows } = await tx.query<{ type: ResourceRecord['type']; count: number }>(
    'select type, count(*) as count from session_resources where session_id = $1 group by type',
    [sessionId],
  );
  return { file: 0, github_repository: 0, memory_store: 0, ...Object.fromEntries(rows.map(({ type, count }) => [type, count])) };
}
