import type { AgentDefinition } from '../../workflows/contract/schema/agent.js';
import { newId } from '../ids.js';
import { toJsonb } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, type TimeRange, toPage, withinBytes } from './page.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** An agent at one of its versions. `updatedAt` is when that version was made. */
export interface AgentRecord {
  readonly id: string;
  readonly version: number;
  readonly definition: AgentDefinition;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
}

const COLUMNS = `a.id, v.version, v.definition, a.created_at as "createdAt", v.created_at as "updatedAt", a.archived_at as "archivedAt"`;

const BYTES = 'octet_length(v.definition::text) as bytes';

export async function insertAgent(tx: Transaction, definition: AgentDefinition): Promise<AgentRecord> {
  const id = newId('agent');
  await tx.query('insert into agents (id, workspace_id, latest_version) values ($1, $2, 1)', [id, tx.workspaceId]);
  await insertFirstVersion(tx, id, definition);
  return only((await selectAgent(tx, id)).rows);
}

/** The agent of an inline definition: made once per workspace and definition, found again by the definition's hash. */
export async function ensureInlineAgent(tx: Transaction, hash: string, definition: AgentDefinition): Promise<AgentRecord> {
  const { rows } = await tx.query<{ id: string }>(
    `insert into agents (id, workspace_id, latest_version, inline_hash) values ($1, $2, 1, $3)
     on conflict (workspace_id, inline_hash) do nothing returning id`,
    [newId('agent'), tx.workspaceId, hash],
  );
  if (rows[0]) await insertFirstVersion(tx, rows[0].id, definition);
  const found = await tx.query<AgentRecord>(
    `select ${COLUMNS} from agents a join agent_versions v on v.agent_id = a.id and v.version = 1 where a.inline_hash = $1`,
    [hash],
  );
  return only(found.rows);
}

/** An agent at a version; the latest where none is given. */
export async function findAgent(tx: Transaction, id: string, version?: number): Promise<AgentRecord | undefined> {
  return (await selectAgent(tx, id, version)).rows[0];
}

export async function listAgents(
  tx: Transaction,
  page: PageRequest,
  filter: { readonly createdAt?: TimeRange | undefined; readonly includeArchived: boolean },
): Promise<Page<AgentRecord>> {
  const where = createFilter();
  // Those of invocations are nobody's work to look through; their ids find them.
  where.raw('inline_hash is null');
  where.within('created_at', filter.createdAt);
  if (!filter.includeArchived) where.raw('archived_at is null');
  where.after('created_at', page);
  const { rows } = await tx.query<AgentRecord & { position: Position }>(
    withinBytes(
      `select ${COLUMNS}, a.position, ${BYTES}
       from (select id, latest_version, created_at, archived_at, ${positionOf('created_at')} from agents ${where.sql}
         order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}) a
       join agent_versions v on v.agent_id = a.id and v.version = a.latest_version`,
      `"createdAt" ${page.order}, id ${page.order}`,
    ),
    where.values,
  );
  return toPage(rows, page.limit);
}

/** The agent at its latest version, its row locked: updates of one agent follow each other. */
export async function lockAgent(tx: Transaction, id: string): Promise<AgentRecord | undefined> {
  const { rowCount } = await tx.query('select 1 from agents where id = $1 for update', [id]);
  return rowCount ? findAgent(tx, id) : undefined;
}

/** Makes the next version of a locked agent, unless it equals the latest as stored. Answers the agent at its latest version. */
export async function insertVersion(tx: Transaction, agent: AgentRecord, definition: AgentDefinition): Promise<AgentRecord> {
  await tx.query(
    `with made as (
       insert into agent_versions (agent_id, workspace_id, version, definition, created_at)
       select v.agent_id, v.workspace_id, v.version + 1, $3::jsonb, clock_timestamp()
       from agent_versions v where v.agent_id = $1 and v.version = $2 and v.definition <> $3::jsonb
       returning version, created_at)
     update agents a set latest_version = made.version, updated_at = made.created_at from made where a.id = $1`,
    [agent.id, agent.version, toJsonb(definition)],
  );
  return only((await selectAgent(tx, agent.id)).rows);
}

/** Every version of an agent. Positions count versions. */
export async function listVersions(tx: Transaction, agentId: string, page: PageRequest): Promise<Page<AgentRecord>> {
  const where = createFilter();
  where.where(agentId, (parameter) => `a.id = ${parameter}`);
  where.where(page.after?.at, (parameter) => `v.version ${page.order === 'asc' ? '>' : '<'} ${parameter}::bigint`);
  const { rows } = await tx.query<AgentRecord & { position: Position }>(
    withinBytes(
      `select ${COLUMNS}, jsonb_build_object('at', v.version, 'id', a.id) as position, ${BYTES}
       from agents a join agent_versions v on v.agent_id = a.id ${where.sql}
       order by v.version ${page.order} limit ${where.bind(page.limit + 1)}`,
      `version ${page.order}`,
    ),
    where.values,
  );
  return toPage(rows, page.limit);
}

/** Archives a locked agent. An invocation of the same definition makes a new agent afterwards. */
export async function archiveAgent(tx: Transaction, id: string): Promise<AgentRecord> {
  await tx.query('update agents set archived_at = coalesce(archived_at, clock_timestamp()), inline_hash = null where id = $1', [id]);
  return only((await selectAgent(tx, id)).rows);
}

const insertFirstVersion = (tx: Transaction, id: string, definition: AgentDefinition) =>
  tx.query('insert into agent_versions (agent_id, workspace_id, version, definition) values ($1, $2, 1, $3)', [id, tx.workspaceId, toJsonb(definition)]);

const selectAgent = (tx: Transaction, id: string, version?: number) =>
  tx.query<AgentRecord>(
    `select ${COLUMNS} from agents a join agent_versions v on v.agent_id = a.id and v.version = coalesce($2::integer, a.latest_version) where a.id = $1`,
    [id, version ?? null],
  );
