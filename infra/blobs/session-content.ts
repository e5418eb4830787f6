import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { findFiles, withBytes } from '../postgres/files.repo.js';
import type { Pool } from '../postgres/pool.js';
import { findResourceToken } from '../postgres/session-resources.repo.js';
import { resolveSkillVersion } from '../postgres/skills.repo.js';
import { transaction } from '../postgres/transaction.js';
import type { SecretBox } from '../vault/secret-box.js';
import type { BlobStore } from './blob-store.js';

/**
 * What a session's resources are made of; what each method promises is written at the port
 * (activities/resources/session-content.port.ts). No transaction is open while bytes are read.
 */
export function createSessionContent(deps: { readonly pool: Pool; readonly blobs: BlobStore; readonly secretBox: SecretBox }) {
  const open = async (blobKey: string, missing: () => RondoError): Promise<AsyncIterable<Uint8Array>> => {
    const bytes = await deps.blobs.open(blobKey);
    if (!bytes) throw missing();
    return bytes;
  };
  return {
    async findFiles({ workspaceId, sessionId }: SessionRef, fileIds: readonly string[]) {
      const found = await transaction(deps.pool, workspaceId, (tx) => findFiles(tx, fileIds));
      const files = new Map(found.map((file) => [file.id, file]));
      return async (fileId: string) => {
        const missing = () => new RondoError('file.not_found', `File ${fileId} of session ${sessionId} is not there any more; attach it again.`);
        const file = files.get(fileId);
        if (file?.sessionId !== sessionId) throw missing();
        return open(withBytes(file, fileId).blobKey, missing);
      };
    },
    async openSkill({ workspaceId }: SessionRef, skillId: string, versionId: string) {
      const missing = () => new RondoError('skill.not_found', `Version ${versionId} of skill ${skillId} is not there any more.`);
      const version = await transaction(deps.pool, workspaceId, (tx) => resolveSkillVersion(tx, skillId, versionId));
      if (!version) throw missing();
      return open(version.blobKey, missing);
    },
    async openToken({ workspaceId, sessionId }: SessionRef, resourceId: string) {
      const sealed = await transaction(deps.pool, workspaceId, (tx) => findResourceToken(tx, sessionId, resourceId));
      return sealed && deps.secretBox.open(sealed, { workspaceId, purpose: 'resource.token', id: resourceId }).reveal();
    },
  };
}
