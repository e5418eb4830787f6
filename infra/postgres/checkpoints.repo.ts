import type { CheckpointRecord, GenerationsUsed, NewCheckpoint, SandboxLoss } from '../../workflows/contract/sandbox-records.js';
import { takeBlob } from './blobs.repo.js';
import { toJsonb } from './json.js';
import type { Pool } from './pool.js';
import type { Transaction } from './transaction.js';

export async function findCheckpoint(tx: Transaction, sessionId: string): Promise<CheckpointRecord | undefined> {
  const { rows } = await tx.query<CheckpointRecord>({
    name: 'find_checkpoint',
    text: `select sequence, generation, blob_key as "blobKey", files, bytes, stored_bytes as "storedBytes", skipped, skipped_count as "skippedCount",
        created_at as "createdAt"
      from checkpoints where session_id = $1`,
    values: [sessionId],
  });
  return rows[0];
}

/** Puts a checkpoint in the place of the one before: its new blobs are taken, and those that it does not name are let go. The session must be locked. */
export async function saveCheckpoint(tx: Transaction, sessionId: string, checkpoint: NewCheckpoint): Promise<void> {
  const { rows: known } = await tx.query<{ key: string }>('select blob_key as key from checkpoint_packs where session_id = $1', [sessionId]);
  const before = new Set(known.map(({ key }) => key));
  for (const key of [checkpoint.blobKey, ...checkpoint.packs.filter((pack) => !before.has(pack))]) await takeBlob(tx, key);
  await tx.query('delete from checkpoint_packs where session_id = $1 and not blob_key = any ($2)', [sessionId, checkpoint.packs]);
  await tx.query(
    `insert into checkpoint_packs (session_id, workspace_id, blob_key) select $1, $2, key from unnest($3::text[]) as key
     on conflict do nothing`,
    [sessionId, tx.workspaceId, checkpoint.packs],
  );
  await tx.query(
    `insert into checkpoints as c (session_id, workspace_id, sequence, generation, blob_key, files, bytes, stored_bytes, skipped, skipped_count)
     values ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)
     on conflict (session_id) do update set sequence = c.sequence + 1, generation = excluded.generation, blob_key = excluded.blob_key,
       files = excluded.files, bytes = excluded.bytes, stored_bytes = excluded.stored_bytes, skipped = excluded.skipped,
       skipped_count = excluded.skipped_count, created_at = clock_timestamp()`,
    [
      ...[sessionId, tx.workspaceId, checkpoint.generation, checkpoint.blobKey, checkpoint.files, checkpoint.bytes, checkpoint.storedBytes],
      ...[toJsonb(checkpoint.skipped), checkpoint.skippedCount],
    ],
  );
}

/** The last sandbox generation that a call was sent to, and the last that a caller of the API put a file into. */
export async function lastGenerationsUsed(tx: Transaction, sessionId: string): Promise<GenerationsUsed> {
  const { rows } = await tx.query<{ calls: number | null; files: number | null }>(
    `select (select max(generation) from effects where session_id = $1) as calls, (select files_generation from sandboxes where session_id = $1) as files`,
    [sessionId],
  );
  return { calls: rows[0]?.calls ?? undefined, files: rows[0]?.files ?? undefined };
}

/** A caller of the API has put a file into this sandbox; the session must be locked. */
export async function noteFileSent(tx: Transaction, sessionId: string, generation: number): Promise<void> {
  await tx.query('update sandboxes set files_generation = $2 where session_id = $1', [sessionId, generation]);
}

/** What was lost with sandboxes before this one and the model has not been told of yet. */
export async function readLoss(tx: Transaction, sessionId: string): Promise<SandboxLoss | undefined> {
  const { rows } = await tx.query<{ loss: SandboxLoss | null }>('select loss from sandboxes where session_id = $1', [sessionId]);
  return rows[0]?.loss ?? undefined;
}

export async function writeLoss(tx: Transaction, sessionId: string, loss: SandboxLoss | undefined): Promise<void> {
  await tx.query('update sandboxes set loss = $2 where session_id = $1', [sessionId, loss === undefined ? null : toJsonb(loss)]);
}

/** A session whose directories are on a host. */
export interface HostedSession {
  readonly sessionId: string;
  readonly workspaceId: string;
  /** Its last sandbox was on this host and has ended, and no checkpoint shows how. */
  readonly unkept: boolean;
  /** Nobody will ask for its directories again. */
  readonly over: boolean;
  /** Its last sandbox is another host's. */
  readonly moved: boolean;
  /** Of its last sandbox; null where there was none. */
  readonly generation: number | null;
  /** That sandbox is this host's, and was not given back. */
  readonly here: boolean;
  /** The generation whose end the newest checkpoint shows, and what identifies it; null without one. */
  readonly kept: number | null;
  readonly blobKey: string | null;
}

/** Of these sessions, those the database knows anything of; ids only, of all workspaces. */
export async function sessionsOnHost(pool: Pool, hostId: string, ids: readonly string[]): Promise<HostedSession[]> {
  const { rows } = await pool.query<HostedSession>(
    `select session_id as "sessionId", workspace_id as "workspaceId", unkept, over, moved, generation, here, kept, blob_key as "blobKey"
     from sessions_on_host($1, $2)`,
    [hostId, ids],
  );
  return rows;
}
