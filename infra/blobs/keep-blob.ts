import { dropBlob, reserveBlob } from '../postgres/blobs.repo.js';
import type { Pool } from '../postgres/pool.js';
import { transaction } from '../postgres/transaction.js';
import type { BlobStore, StoredBlob } from './blob-store.js';

/** Streams bytes into a new blob of a workspace. Whoever does not refer to it from a row within a day loses it. */
export type KeepBlob = (
  workspaceId: string,
  source: AsyncIterable<Uint8Array>,
  options?: { readonly maximumBytes?: number },
) => Promise<StoredBlob & { readonly blobKey: string }>;

export const createKeepBlob =
  (deps: { readonly pool: Pool; readonly blobs: BlobStore }): KeepBlob =>
  async (workspaceId, source, options) => {
    const blobKey = await transaction(deps.pool, workspaceId, reserveBlob);
    try {
      return { blobKey, ...(await deps.blobs.put(blobKey, source, options)) };
    } catch (error) {
      await transaction(deps.pool, workspaceId, (tx) => dropBlob(tx, blobKey)).catch(() => undefined);
      throw error;
    }
  };
