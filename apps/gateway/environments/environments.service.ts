import { type EnvironmentRecord, ensureEnvironment, findEnvironment, insertEnvironment, listEnvironments } from '../../../infra/postgres/environments.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { EnvironmentConfig, type EnvironmentCreate } from '../../../workflows/contract/schema/environment.js';
import type { EnvironmentListQuery } from '../../../workflows/contract/schema/list-query.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { knownId, notFound } from '../http/path-id.js';
import { toEnvironmentWire } from './environment.wire.js';

const PLAIN_CONFIG = EnvironmentConfig.parse({ type: 'cloud' });

export class EnvironmentsService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create(workspaceId: string, input: EnvironmentCreate) {
    const { name, description, config, metadata } = input;
    const environment = { name, description: description || null, config: config ?? PLAIN_CONFIG, metadata: metadata ?? {} };
    const created = await transaction(this.#pool, workspaceId, (tx) => insertEnvironment(tx, environment));
    if (created) return toEnvironmentWire(created);
    throw new RondoError('request.conflict', `name: an environment named ${JSON.stringify(name)} exists already; choose another name.`);
  }

  async retrieve(workspaceId: string, id: string) {
    return toEnvironmentWire(await transaction(this.#pool, workspaceId, (tx) => requireEnvironment(tx, id)));
  }

  async list(workspaceId: string, query: EnvironmentListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, (tx) => listEnvironments(tx, page.request, { includeArchived: query.include_archived }));
    return oneWay(page.toWire(found, toEnvironmentWire));
  }
}

/** An environment of this workspace. Errors: `environment.not_found`. */
export async function requireEnvironment(tx: Transaction, id: string): Promise<EnvironmentRecord> {
  const environment = await findEnvironment(tx, knownId('environment', id));
  if (!environment) throw notFound('environment', id);
  return environment;
}

/** Where sessions of an invocation live: the workspace's environment named "default", made at first need. */
export const defaultEnvironment = (tx: Transaction): Promise<EnvironmentRecord> =>
  ensureEnvironment(tx, { name: 'default', description: null, config: PLAIN_CONFIG, metadata: {} });
