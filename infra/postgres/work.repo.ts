import type { WorkRecord } from '../../workflows/contract/records.js';
import { newId } from '../ids.js';
import { toJsonb } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Pool } from './pool.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `id, environment_id as "environmentId", session_id as "sessionId", state, metadata, claim, created_at as "createdAt", polled_at as "polledAt",
  acknowledged_at as "acknowledgedAt", started_at as "startedAt", latest_heartbeat_at as "latestHeartbeatAt", last_heartbeat as "lastHeartbeat",
  ttl_seconds as "ttlSeconds", coalesce(lease_expires_at < clock_timestamp(), false) as lapsed, stop_requested_at as "stopRequestedAt", stopped_at as "stoppedAt"`;

/** Queues an item unless one of the session lives. The caller holds the session's lock. Answers whether one was made. */
export async function insertWork(
  tx: Transaction,
  item: { readonly sessionId: string; readonly environmentId: string; readonly afterMs: number },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'insert_work',
    text: `insert into work_items (id, workspace_id, environment_id, session_id, queued_at)
      values ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 millisecond')
      on conflict (session_id) where state <> 'stopped' do nothing`,
    values: [newId('work'), tx.workspaceId, item.environmentId, item.sessionId, item.afterMs],
  });
  return rowCount === 1;
}

/** Offers the item that waits longest, to one caller at a time; undefined when none is due. What was offered before and not acknowledged comes again. */
export async function offerWork(tx: Transaction, environmentId: string, reclaimAfterMs: number): Promise<WorkRecord | undefined> {
  const { rows } = await tx.query<WorkRecord>({
    name: 'offer_work',
    text: `update work_items set polled_at = clock_timestamp(), claim = claim + 1
      where id = (select id from work_items where environment_id = $1 and state = 'queued' and queued_at <= clock_timestamp()
          and (polled_at is null or polled_at < clock_timestamp() - $2 * interval '1 millisecond')
        order by queued_at, id limit 1 for update skip locked)
      returning ${COLUMNS}`,
    values: [environmentId, reclaimAfterMs],
  });
  return rows[0];
}

export async function findWork(tx: Transaction, environmentId: string, id: string): Promise<WorkRecord | undefined> {
  const { rows } = await tx.query<WorkRecord>(`select ${COLUMNS} from work_items where id = $1 and environment_id = $2`, [id, environmentId]);
  return rows[0];
}

/** Takes the item's row lock. Whoever needs the session's lock as well takes that one first. */
export async function lockWork(tx: Transaction, id: string): Promise<WorkRecord | undefined> {
  const { rows } = await tx.query<WorkRecord>(`select ${COLUMNS} from work_items where id = $1 for update`, [id]);
  return rows[0];
}

export async function acknowledgeWork(tx: Transaction, id: string, leaseSeconds: number): Promise<WorkRecord> {
  const { rows } = await tx.query<WorkRecord>(
    `update work_items set state = 'starting', acknowledged_at = clock_timestamp(), ttl_seconds = $2::integer, lease_expires_at = clock_timestamp() + $2::integer * interval '1 second'
     where id = $1 returning ${COLUMNS}`,
    [id, leaseSeconds],
  );
  return only(rows);
}

/** Notes a heartbeat and extends the lease; the first one makes the item active. */
export async function beatWork(tx: Transaction, id: string, leaseSeconds: number): Promise<WorkRecord> {
  const { rows } = await tx.query<WorkRecord>({
    name: 'beat_work',
    text: `update work_items set latest_heartbeat_at = beat.at, started_at = coalesce(started_at, beat.at),
        last_heartbeat = to_char(beat.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        state = case state when 'starting' then 'active' else state end, ttl_seconds = $2::integer, lease_expires_at = beat.at + $2::integer * interval '1 second'
      from (select clock_timestamp() as at) as beat where id = $1 returning ${COLUMNS}`,
    values: [id, leaseSeconds],
  });
  return only(rows);
}

/** Asks the worker to stop; it learns so by its next heartbeat. */
export async function requestWorkStop(tx: Transaction, id: string): Promise<WorkRecord> {
  const { rows } = await tx.query<WorkRecord>(
    `update work_items set state = 'stopping', stop_requested_at = coalesce(stop_requested_at, clock_timestamp()) where id = $1 returning ${COLUMNS}`,
    [id],
  );
  return only(rows);
}

export async function stopWork(tx: Transaction, id: string): Promise<WorkRecord> {
  const { rows } = await tx.query<WorkRecord>(
    `update work_items set state = 'stopped', stopped_at = clock_timestamp(), stop_requested_at = coalesce(stop_requested_at, clock_timestamp()),
       lease_expires_at = null where id = $1 returning ${COLUMNS}`,
    [id],
  );
  return only(rows);
}

/** Puts a lost worker's item back into the queue; nothing of the old claim counts any more. */
export async function offerWorkAgain(tx: Transaction, id: string): Promise<void> {
  await tx.query(
    `update work_items set state = 'queued', claim = claim + 1, queued_at = clock_timestamp(), polled_at = null, acknowledged_at = null, started_at = null,
       latest_heartbeat_at = null, last_heartbeat = null, lease_expires_at = null where id = $1`,
    [id],
  );
}

export async function updateWorkMetadata(tx: Transaction, id: string, metadata: Readonly<Record<string, string>>): Promise<WorkRecord> {
  const { rows } = await tx.query<WorkRecord>(`update work_items set metadata = $2 where id = $1 returning ${COLUMNS}`, [id, toJsonb(metadata)]);
  return only(rows);
}

export async function listWork(tx: Transaction, environmentId: string, page: PageRequest): Promise<Page<WorkRecord>> {
  const where = createFilter();
  where.where(environmentId, (parameter) => `environment_id = ${parameter}`);
  where.after('created_at', page);
  const { rows } = await tx.query<WorkRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from work_items ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

/** Items whose worker must be taken for lost, and queued ones of ended sessions. Over all workspaces. */
export async function workToEnd(pool: Pool, most: number): Promise<{ workId: string; sessionId: string; workspaceId: string }[]> {
  const { rows } = await pool.query<{ workId: string; sessionId: string; workspaceId: string }>(
    'select work_id as "workId", session_id as "sessionId", workspace_id as "workspaceId" from work_to_end($1)',
    [most],
  );
  return rows;
}
