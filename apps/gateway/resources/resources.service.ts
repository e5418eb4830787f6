import { deleteFile } from '../../../infra/postgres/files.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { countResources, deleteResource, findResource, listResources, replaceResourceToken } from '../../../infra/postgres/session-resources.repo.js';
import { lockSession } from '../../../infra/postgres/session-store.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import type { SecretBox } from '../../../infra/vault/secret-box.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { ResourceRecord } from '../../../workflows/contract/file-records.js';
import type { ResourceListQuery } from '../../../workflows/contract/schema/list-query.js';
import type { FileResource, ResourceUpdate } from '../../../workflows/contract/schema/resource.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { notFound } from '../http/path-id.js';
import { attachResource, MOST_RESOURCES, tokenContext } from './attach-resource.js';
import { toResourceWire } from './resource.wire.js';

/** What is attached to a session. A change takes effect before the session's next tool call. */
export class ResourcesService {
  readonly #pool: Pool;
  readonly #secrets: SecretBox;

  constructor(pool: Pool, secrets: SecretBox) {
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** Attaches a file to a session that is not terminated. */
  async add(workspaceId: string, sessionId: string, input: FileResource) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const { record } = await lockSession(tx, sessionId);
      if (record.status === 'terminated') throw new RondoError('session.terminated', `Session ${sessionId} is terminated; nothing can be attached to it.`);
      const { file } = await countResources(tx, sessionId);
      if (file >= MOST_RESOURCES.file) throw new RondoError('request.invalid', `Session ${sessionId} has ${file} files; ${MOST_RESOURCES.file} are the most.`);
      return toResourceWire(await attachResource(tx, this.#secrets, record, input, 'body'));
    });
  }

  async list(workspaceId: string, sessionId: string, query: ResourceListQuery) {
    const page = readPage({ ...query, order: 'asc' });
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await getSession(tx, sessionId);
      return listResources(tx, sessionId, page.request);
    });
    return oneWay(page.toWire(found, toResourceWire));
  }

  async retrieve(workspaceId: string, sessionId: string, id: string) {
    return toResourceWire(await transaction(this.#pool, workspaceId, (tx) => requireResource(tx, sessionId, id)));
  }

  /** Replaces a repository's token. */
  async update(workspaceId: string, sessionId: string, id: string, input: ResourceUpdate) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const resource = await requireResource(tx, sessionId, id);
      if (resource.type !== 'github_repository') {
        throw new RondoError('request.invalid', `Resource ${id} is a ${resource.type}; only a github_repository has an authorization_token.`);
      }
      const updated = await replaceResourceToken(tx, sessionId, id, this.#secrets.seal(input.authorization_token, tokenContext(workspaceId, id)));
      if (!updated) throw notFound('resource', id);
      return toResourceWire(updated);
    });
  }

  /** Detaches a resource, and deletes the session's copy of a file; what is in the sandbox already stays there. */
  async remove(workspaceId: string, sessionId: string, id: string): Promise<{ id: string; type: 'session_resource_deleted' }> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      await lockSession(tx, sessionId);
      const resource = await requireResource(tx, sessionId, id);
      await deleteResource(tx, sessionId, id);
      if (resource.type === 'file') await deleteFile(tx, String(resource.body['file_id']));
      return { id, type: 'session_resource_deleted' };
    });
  }
}

async function requireResource(tx: Transaction, sessionId: string, id: string): Promise<ResourceRecord> {
  await getSession(tx, sessionId);
  const resource = await findResource(tx, sessionId, id);
  if (!resource) throw notFound('resource', id);
  return resource;
}
