import { newId } from '../ids.js';
import type { Pool } from './pool.js';
import type { Transaction } from './transaction.js';

/**
 * Notes that a blob is about to be written, and under which key. Unless a file, skill or checkpoint takes it within a day, it is deleted.
 */
export async function reserveBlob(tx: Transaction): Promise<string> {
  const key = `${tx.workspaceId}/${newId('blob')}`;
  await tx.query(`insert into blobs (key, workspace_id, delete_after) values ($1, $2, now() + interval '1 day')`, [key, tx.workspaceId]);
  return key;
}

/** Called together with the insert of a row that refers to the blob. */
export async function takeBlob(tx: Transaction, key: string): Promise<void> {
  const { rowCount } = await tx.query('update blobs set delete_after = null where key = $1', [key]);
  if (rowCount !== 1) throw new Error(`Blob ${key} is not there any more: it was not taken within a day of its reservation.`);
}

/** Gives a reserved blob up at once, after a failed writing. */
export async function dropBlob(tx: Transaction, key: string): Promise<void> {
  await tx.query('update blobs set delete_after = now() where key = $1', [key]);
}

/** Blobs that nothing seems to refer to, of all workspaces. */
export async function blobsToDelete(pool: Pool, most: number): Promise<{ key: string; workspaceId: string }[]> {
  const { rows } = await pool.query<{ key: string; workspaceId: string }>('select key, workspace_id as "workspaceId" from blobs_to_delete($1)', [most]);
  return rows;
}

/**
 * Locks a blob's row against new references and answers whether it may be deleted: `false` when something refers to it
 * after all, or somebody else is at it.
 */
export async function lockForDeletion(tx: Transaction, key: string): Promise<boolean> {
  const locked = await tx.query('select key from blobs where key = $1 and delete_after <= now() for update skip locked', [key]);
  if (locked.rowCount === 0) return false;
  const { rowCount } = await tx.query(
    `update blobs set delete_after = null where key = $1
     and (exists (select 1 from files where blob_key = $1) or exists (select 1 from skill_versions where blob_key = $1)
       or exists (select 1 from checkpoints where blob_key = $1) or exists (select 1 from checkpoint_packs where blob_key = $1)
       or exists (select 1 from workspace_requests where blob_key = $1))`,
    [key],
  );
  return rowCount === 0;
}

export async function forgetBlob(tx: Transaction, key: string): Promise<void> {
  await tx.query('delete from blobs where key = $1', [key]);
}
