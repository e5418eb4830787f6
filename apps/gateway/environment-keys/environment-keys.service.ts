import { randomBytes } from 'node:crypto';
import { insertEnvironmentKey, listEnvironmentKeys, revokeEnvironmentKey } from '../../../infra/postgres/environment-keys.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { EnvironmentKeyCreate, EnvironmentKeyListQuery } from '../../../workflows/contract/schema/work.js';
import { requireEnvironment } from '../environments/environments.service.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { notFound } from '../http/path-id.js';
import { ENVIRONMENT_KEY_PREFIX } from '../http/principal.js';
import { requireSelfHosted } from '../work/work.service.js';
import { toEnvironmentKeyWire } from './environment-key.wire.js';

/** Keys for the workers of self-hosted environments (extension: the hosted product has no such endpoint). */
export class EnvironmentKeysService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The answer is the only place where the key itself is ever shown. Errors: `environment.archived`. */
  async create(workspaceId: string, environmentId: string, { name }: EnvironmentKeyCreate) {
    const key = `${ENVIRONMENT_KEY_PREFIX}${randomBytes(32).toString('base64url')}`;
    const created = await transaction(this.#pool, workspaceId, async (tx) => {
      const environment = await requireSelfHosted(tx, environmentId);
      if (environment.archivedAt) throw new RondoError('environment.archived', `Environment ${environmentId} is archived; it gets no new keys.`);
      return insertEnvironmentKey(tx, { environmentId, name: name ?? null, key });
    });
    return { ...toEnvironmentKeyWire(created), key };
  }

  async list(workspaceId: string, environmentId: string, query: EnvironmentKeyListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await requireEnvironment(tx, environmentId, 'none');
      return listEnvironmentKeys(tx, environmentId, page.request);
    });
    return oneWay(page.toWire(found, toEnvironmentKeyWire));
  }

  /** The key, and every session token that was given out with it, opens nothing any more. */
  async revoke(workspaceId: string, environmentId: string, id: string) {
    const revoked = await transaction(this.#pool, workspaceId, (tx) => revokeEnvironmentKey(tx, environmentId, id));
    if (!revoked) throw notFound('environmentKey', id);
    return toEnvironmentKeyWire(revoked);
  }
}
