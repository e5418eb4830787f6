import {
  archiveEnvironment,
  countSessions,
  deleteEnvironment,
  type EnvironmentRecord,
  ensureEnvironment,
  findEnvironment,
  insertEnvironment,
  listEnvironments,
  updateEnvironment,
} from '../../../infra/postgres/environments.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { isUniqueViolation } from '../../../infra/postgres/unique-violation.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { EnvironmentCreate, EnvironmentUpdate } from '../../../workflows/contract/schema/environment.js';
import type { EnvironmentListQuery } from '../../../workflows/contract/schema/list-query.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { applyMetadataPatch, updated } from '../http/partial-update.js';
import { knownId, notFound } from '../http/path-id.js';
import { changeConfig, resolveConfig } from './change-config.js';
import { toEnvironmentWire } from './environment.wire.js';

export class EnvironmentsService {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async create(workspaceId: string, input: EnvironmentCreate) {
    const { name, description, config, metadata } = input;
    const environment = { name, description: description ?? null, config: resolveConfig(config), metadata: metadata ?? {} };
    const created = await transaction(this.#pool, workspaceId, (tx) => insertEnvironment(tx, environment));
    if (created) return toEnvironmentWire(created);
    throw nameTaken(name);
  }

  async retrieve(workspaceId: string, id: string) {
    return toEnvironmentWire(await transaction(this.#pool, workspaceId, (tx) => requireEnvironment(tx, id, 'none')));
  }

  async list(workspaceId: string, query: EnvironmentListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, (tx) => listEnvironments(tx, page.request, { includeArchived: query.include_archived }));
    return oneWay(page.toWire(found, toEnvironmentWire));
  }

  /** Sandboxes made from now on have the new configuration. Errors: `environment.archived`, `request.conflict` for a name that is taken. */
  async update(workspaceId: string, id: string, change: EnvironmentUpdate) {
    try {
      return await transaction(this.#pool, workspaceId, async (tx) => {
        const stored = await requireEnvironment(tx, id, 'change');
        if (stored.archivedAt) {
          throw new RondoError('environment.archived', `Environment ${id} is archived; it takes no updates.`, {
            details: { error_code: 'environment_archived' },
          });
        }
        return toEnvironmentWire(
          await updateEnvironment(tx, id, {
            name: change.name ?? stored.name,
            description: updated(change.description, stored.description, null),
            config: changeConfig(stored.config, change.config),
            metadata: applyMetadataPatch(stored.metadata, change.metadata, { emptyDeletes: true }),
          }),
        );
      });
    } catch (error) {
      throw isUniqueViolation(error) ? nameTaken(change.name ?? '') : error;
    }
  }

  /** Takes it out of use for good; its sessions go on. Doing it again changes nothing. */
  async archive(workspaceId: string, id: string) {
    const archived = await transaction(this.#pool, workspaceId, (tx) => archiveEnvironment(tx, id));
    if (!archived) throw notFound('environment', id);
    return toEnvironmentWire(archived);
  }

  /** Errors: `environment.in_use` while there are sessions of it, archived ones, too. */
  async remove(workspaceId: string, id: string) {
    return transaction(this.#pool, workspaceId, async (tx) => {
      await requireEnvironment(tx, id, 'change');
      const sessions = await countSessions(tx, id);
      if (sessions > 0) {
        throw new RondoError(
          'environment.in_use',
          `Environment ${id} has ${sessions} ${sessions === 1 ? 'session' : 'sessions'}; delete ${sessions === 1 ? 'it' : 'them'} first, or archive the environment instead.`,
        );
      }
      await deleteEnvironment(tx, id);
      return { id, type: 'environment_deleted' as const };
    });
  }
}

const nameTaken = (name: string): RondoError =>
  new RondoError('request.conflict', `name: an environment named ${JSON.stringify(name)} exists already; choose another name.`);

/** An environment of this workspace, as a session takes it: it cannot be deleted meanwhile. Errors: `environment.not_found`. */
export async function requireEnvironment(tx: Transaction, id: string, lock: 'none' | 'hold' | 'change' = 'hold'): Promise<EnvironmentRecord> {
  const environment = await findEnvironment(tx, knownId('environment', id), lock);
  if (!environment) throw notFound('environment', id);
  return environment;
}

/** Where sessions of an invocation live: the workspace's environment named "default", made at first need. */
export const defaultEnvironment = (tx: Transaction): Promise<EnvironmentRecord> =>
  ensureEnvironment(tx, { name: 'default', description: null, config: resolveConfig(null), metadata: {} });
