import { type AgentRecord, findAgent, insertAgent, listAgents } from '../../../infra/postgres/agents.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { AgentCreate } from '../../../workflows/contract/schema/agent.js';
import type { AgentListQuery } from '../../../workflows/contract/schema/list-query.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { knownId, notFound } from '../http/path-id.js';
import { type AgentWire, toAgentWire } from './agent.wire.js';
import type { CheckModel } from './known-model.js';
import { resolveDefinition } from './resolve-definition.js';

export class AgentsService {
  readonly #pool: Pool;
  readonly #checkModel: CheckModel;

  constructor(pool: Pool, checkModel: CheckModel) {
    this.#pool = pool;
    this.#checkModel = checkModel;
  }

  async create(workspaceId: string, input: AgentCreate): Promise<AgentWire> {
    const definition = resolveDefinition(input);
    this.#checkModel(definition.model.id);
    return toAgentWire(await transaction(this.#pool, workspaceId, (tx) => insertAgent(tx, definition)));
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
}

/** An agent of this workspace, at a version or at its latest. Errors: `agent.not_found`. */
export async function requireAgent(tx: Transaction, id: string, version?: number): Promise<AgentRecord> {
  const agent = await findAgent(tx, knownId('agent', id), version);
  if (agent) return agent;
  if (version === undefined || !(await findAgent(tx, id))) throw notFound('agent', id);
  throw new RondoError('agent.not_found', `Agent ${id} has no version ${version}.`);
}
