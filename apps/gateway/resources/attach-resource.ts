import { newId } from '../../../infra/ids.js';
import { copyFileToSession } from '../../../infra/postgres/files.repo.js';
import { insertResource, type NewResource } from '../../../infra/postgres/session-resources.repo.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import type { SecretBox, SecretContext } from '../../../infra/vault/secret-box.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { ResourceRecord } from '../../../workflows/contract/file-records.js';
import type { SessionRecord } from '../../../workflows/contract/records.js';
import { type ResourceInput, repositoryName } from '../../../workflows/contract/schema/resource.js';

/** What the wire allows on one session. */
export const MOST_RESOURCES: Readonly<Record<ResourceRecord['type'], number>> = { file: 999, github_repository: 100, memory_store: 8 };

/** What the encryption of a repository's token is bound to. */
export const tokenContext = (workspaceId: string, resourceId: string): SecretContext => ({ workspaceId, purpose: 'resource.token', id: resourceId });

/**
 * Attaches something to a session, within the transaction that made or locked it. A file becomes a copy of the session's own.
 * `field` is how errors name it. Errors: `file.not_found`, `request.invalid`, `request.conflict`.
 */
export async function attachResource(
  tx: Transaction,
  secrets: SecretBox,
  session: Pick<SessionRecord, 'id' | 'environmentType'>,
  input: ResourceInput,
  field: string,
): Promise<ResourceRecord> {
  if (session.environmentType === 'self_hosted' && input.type !== 'memory_store') {
    throw new RondoError('request.invalid', `${field}: a ${input.type} cannot be mounted in a self-hosted environment; its worker brings what it needs.`);
  }
  const resource = await describe(tx, secrets, session.id, input);
  const attached = await insertResource(tx, session.id, resource);
  if (attached) return attached;
  throw new RondoError('request.conflict', `${field}.mount_path: something is mounted at ${resource.mountPath} already; choose another path.`);
}

async function describe(tx: Transaction, secrets: SecretBox, sessionId: string, input: ResourceInput): Promise<NewResource> {
  const id = newId('resource');
  switch (input.type) {
    case 'file': {
      const copy = await copyFileToSession(tx, input.file_id, sessionId);
      return { id, type: input.type, mountPath: input.mount_path ?? `/mnt/session/uploads/${input.file_id}`, body: { file_id: copy.id } };
    }
    case 'github_repository': {
      const { url, checkout, authorization_token: token } = input;
      return {
        id,
        type: input.type,
        mountPath: input.mount_path ?? `/workspace/${repositoryName(url)}`,
        body: { url, checkout: checkout ?? null },
        token: token === undefined ? undefined : secrets.seal(token, tokenContext(tx.workspaceId, id)),
      };
    }
    case 'memory_store': {
      const { memory_store_id, access, instructions } = input;
      const slug = memory_store_id.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      return {
        id,
        type: input.type,
        mountPath: `/mnt/memory/${slug}`,
        body: { memory_store_id, access: access ?? 'read_write', instructions: instructions ?? null, name: memory_store_id, description: '' },
      };
    }
  }
}
