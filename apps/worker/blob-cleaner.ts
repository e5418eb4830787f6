import type { Logger } from 'pino';
import type { BlobStore } from '../../infra/blobs/blob-store.js';
import { blobsToDelete, forgetBlob, lockForDeletion } from '../../infra/postgres/blobs.repo.js';
import { expireFiles } from '../../infra/postgres/files.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';
import { transaction } from '../../infra/postgres/transaction.js';

const MOST_AT_ONCE = 200;

/**
 * Gives up the bytes of expired files, and deletes blobs that nothing refers to: of deleted files, skills and sessions, and of
 * uploads that were never finished. Any number of workers may do it.
 */
export async function cleanBlobs(deps: { readonly pool: Pool; readonly blobs: BlobStore; readonly log: Logger }): Promise<void> {
  const { pool, blobs, log } = deps;
  const expired = await expireFiles(pool);
  if (expired.length > 0) log.info({ files: expired.length }, 'files expired');
  for (const { key, workspaceId } of await blobsToDelete(pool, MOST_AT_ONCE)) {
    try {
      // Under the row's lock nobody can begin to use the blob, and a process that dies here leaves the row, so it is tried again.
      await transaction(pool, workspaceId, async (tx) => {
        if (!(await lockForDeletion(tx, key))) return;
        await blobs.delete(key);
        await forgetBlob(tx, key);
      });
    } catch (error) {
      log.warn({ blob: key, error: error instanceof Error ? error.message : String(error) }, 'blob not deleted; it is tried again');
    }
  }
}
