import type { SessionRef } from '../../workflows/contract/activities.js';
import { hasBytes } from '../../workflows/contract/file-content.js';
import { findFile } from '../postgres/files.repo.js';
import type { Pool } from '../postgres/pool.js';
import { transaction } from '../postgres/transaction.js';
import type { BlobStore } from './blob-store.js';

/**
 * The bytes of a file of the workspace or of this session; `undefined` where it is gone, expired, another session's, or larger
 * than `maximumBytes`. No transaction is open while the bytes are read.
 */
export const createReadFile =
  (deps: { readonly pool: Pool; readonly blobs: BlobStore }) =>
  async (ref: SessionRef, fileId: string, maximumBytes: number): Promise<Uint8Array | undefined> => {
    const file = await transaction(deps.pool, ref.workspaceId, (tx) => findFile(tx, fileId));
    if (!file || !hasBytes(file) || file.sizeBytes > maximumBytes) return undefined;
    if (file.sessionId !== null && file.sessionId !== ref.sessionId) return undefined;
    const stream = await deps.blobs.open(file.blobKey);
    return stream && Buffer.concat(await stream.toArray());
  };
