import type { SessionRef } from '../../workflows/contract/activities.js';
import { hasBytes } from '../../workflows/contract/file-content.js';
import { findFile } from '../postgres/files.repo.js';
import type { Pool } from '../postgres/pool.js';
import { transaction } from '../postgres/transaction.js';
import type { BlobStore } from './blob-store.js';

/**
 * The bytes of a file of the workspace or of this session; `undefined` where it is gone, expired or another session's. No
 * transaction is open while the bytes are read.
 */
export const createReadFile =
  (deps: { readonly pool: Pool; readonly blobs: BlobStore }) =>
  async (ref: SessionRef, fileId: string, maximumBytes: number): Promise<Uint8Array | 'too_large' | undefined> => {
    const file = await transaction(deps.pool, ref.workspaceId, (tx) => findFile(tx, fileId));
    if (!file || !hasBytes(file, new Date()) || (file.sessionId !== null && file.sessionId !== ref.sessionId)) return undefined;
    if (file.sizeBytes > maximumBytes) return 'too_large';
    const stream = await deps.blobs.open(file.blobKey);
    return stream && Buffer.concat(await stream.toArray());
  };
