import {
  type AgentRecord,
  archiveAgent,
  findAgent,
  insertAgent,
  insertVersion,
  listAgents,
  listVersions,
  lockAgent,
} from '../../../infra/postgres/agents.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { AgentCreate, AgentUpdate } from '../../../workflows/contract/schema/agent.js';
import type { AgentListQuery, AgentVersionListQuery } from '../../../workflows/contract/schema/list-query.js';
import { badCursor, oneWay, readPage } from '../http/page-cursor.js';
import { knownId, notFound } from '../http/path-id.js';
import { type AgentWire, toAgentWire } from './agent.wire.js';
import type { CheckModel } from './known-model.js';
import { changeDefinition, resolveDefinition } from './resolve-definition.js';
import { resolveSkills } from './resolve-skills.js';

export class AgentsService {
  readonly #pool: Pool;
  readonly #checkModel: CheckModel;

  constructor(pool: Pool, checkModel: CheckModel) {
    this.#pool = pool;
    this.#checkModel = checkModel;
  }

  async create(workspaceId: string, input: AgentCreate): Promise<AgentWire> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const definition = resolveDefinition(input, await resolveSkills(tx, input.skills ?? []));
      this.#checkModel(definition.model.id);
      return toAgentWire(await insertAgent(tx, definition));
    });
  }

  async retrieve(workspaceId: string, id: string, version?: number): Promise<AgentWire> {
    return toAgentWire(await transaction(this.#pool, workspaceId, (tx) => requireAgent(tx, id, version)));
  }

  async list(workspaceId: string, query: AgentListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const filter = { createdAt: query.created_at, includeArchived: query.include_archived };
    const found = await transaction(this.#pool, workspaceId, (tx) => listAgents(tx, page.request, filter));
    return oneWay(page.toWire(found, toAgentWire));
  }

  /**
   * Makes a new version, unless nothing changes. Errors: `agent.version_conflict` when the caller's `version` is not the
   * latest, `agent.archived`.
   */
  async update(workspaceId: string, id: string, change: AgentUpdate): Promise<AgentWire> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const agent = await requireLocked(tx, id);
      if (agent.archivedAt) throw new RondoError('agent.archived', `Agent ${id} is archived; it takes no updates.`);
      if (change.version !== undefined && change.version !== agent.version) {
        throw new RondoError(
          'agent.version_conflict',
          `version: agent ${id} is at version ${agent.version}, not ${change.version}; retrieve it, apply the change to what it is now, and send that version.`,
        );
      }
      const skills = change.skills === undefined ? undefined : await resolveSkills(tx, change.skills ?? []);
      const definition = changeDefinition(agent.definition, change, skills);
      if (change.model !== undefined) this.#checkModel(definition.model.id);
      return toAgentWire(await insertVersion(tx, agent, definition));
    });
  }

  /** Every version of an agent, newest first. */
  async versions(workspaceId: string, id: string, query: AgentVersionListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    if (page.request.after && page.request.after.id !== id) throw badCursor();
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await requireAgent(tx, id);
      return listVersions(tx, id, page.request);
    });
    return oneWay(page.toWire(found, toAgentWire));
  }

  /** Takes an agent out of use for good: no updates, no new sessions. Doing it again changes nothing. */
  async archive(workspaceId: string, id: string): Promise<AgentWire> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const agent = await requireLocked(tx, id);
      return toAgentWire(agent.archivedAt ? agent : await archiveAgent(tx, id));
    });
  }
}

/** An agent of this workspace, at a version or at its latest. Errors: `agent.not_found`. */
export async function requireAgent(tx: Transaction, id: string, version?: number): Promise<AgentRecord> {
  const agent = await findAgent(tx, knownId('agent', id), version);
  if (agent) return agent;
  if (version === undefined || !(await findAgent(tx, id))) throw notFound('agent', id);
  throw new RondoError('agent.not_found', `Agent ${id} has no version ${version}.`);
}

async function requireLocked(tx: Transaction, id: string): Promise<AgentRecord> {
  const agent = await lockAgent(tx, id);
  if (!agent) throw notFound('agent', id);
  return agent;
}
