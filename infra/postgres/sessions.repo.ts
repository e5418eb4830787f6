import { RondoError } from '../../workflows/contract/errors.js';
import type { Budget, SessionAgent, SessionChange, SessionRecord, SessionSkill } from '../../workflows/contract/records.js';
import { toJsonb, toText } from './json.js';
import type { Pool } from './pool.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** Columns of a `SessionRecord`. */
export const SESSION_COLUMNS = `id, workspace_id as "workspaceId", agent, environment_id as "environmentId", environment_type as "environmentType", primary_thread_id as "primaryThreadId", title, metadata, status,
  stop_reason as "stopReason", limits, vault_ids as "vaultIds", skills, budget, networking, cost_micros as "costMicros", web_searches as "webSearches",
  web_fetches as "webFetches", fence, last_seq as "lastSeq", turn, turn_started_at as "turnStartedAt", turn_usage as "turnUsage",
  usage, model_due as "modelDue", wake_needed as "wakeNeeded", active_ms as "activeMs", running_since as "runningSince",
  created_at as "createdAt", updated_at as "updatedAt", archived_at as "archivedAt", terminated_at as "terminatedAt"`;

export interface NewSession {
  readonly id: string;
  readonly agent: SessionAgent;
  readonly environmentId: string;
  readonly environmentType: SessionRecord['environmentType'];
  readonly vaultIds: readonly string[];
  readonly skills: readonly SessionSkill[];
  readonly budget: Budget | null;
  readonly networking: SessionRecord['networking'];
  readonly primaryThreadId: string;
  readonly title: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly limits: SessionRecord['limits'];
}

export async function insertSession(tx: Transaction, session: NewSession): Promise<SessionRecord> {
  const { rows } = await tx.query<SessionRecord>(
    `insert into sessions (id, workspace_id, agent_id, agent_version, agent, environment_id, primary_thread_id, title, metadata, limits, environment_type,
       vault_ids, skills, budget, networking)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning ${SESSION_COLUMNS}`,
    [
      session.id,
      tx.workspaceId,
      session.agent.id,
      session.agent.version,
      toJsonb(session.agent),
      session.environmentId,
      session.primaryThreadId,
      session.title === null ? null : toText(session.title),
      toJsonb(session.metadata),
      toJsonb(session.limits),
      session.environmentType,
      session.vaultIds,
      toJsonb(session.skills),
      session.budget && toJsonb(session.budget),
      session.networking && toJsonb(session.networking),
    ],
  );
  return only(rows);
}

export async function findSession(tx: Transaction, id: string): Promise<SessionRecord | undefined> {
  const { rows } = await tx.query<SessionRecord>(`select ${SESSION_COLUMNS} from sessions where id = $1`, [id]);
  return rows[0];
}

export async function getSession(tx: Transaction, id: string): Promise<SessionRecord> {
  const session = await findSession(tx, id);
  if (!session) throw new RondoError('session.not_found', `Session ${id} does not exist in this workspace.`);
  return session;
}

const LOCKS = {
  /** Nobody else writes to it meanwhile. What only refers to it (an audit's line) does not wait. */ change: 'no key update',
  /** Nobody begins to refer to it meanwhile, either. */ remove: 'update',
} as const;

/** Takes the row lock that every write to a session goes through. */
export async function lockSession(tx: Transaction, id: string, lock: keyof typeof LOCKS = 'change'): Promise<SessionRecord> {
  const { rows } = await tx.query<SessionRecord>({
    name: `lock_session_to_${lock}`,
    text: `select ${SESSION_COLUMNS} from sessions where id = $1 for ${LOCKS[lock]}`,
    values: [id],
  });
  if (!rows[0]) throw new RondoError('session.not_found', `Session ${id} does not exist in this workspace.`);
  return only(rows);
}

const CHANGEABLE = {
  status: 'status',
  stopReason: 'stop_reason',
  limits: 'limits',
  fence: 'fence',
  turn: 'turn',
  turnStartedAt: 'turn_started_at',
  turnUsage: 'turn_usage',
  usage: 'usage',
  modelDue: 'model_due',
  archivedAt: 'archived_at',
  terminatedAt: 'terminated_at',
  agent: 'agent',
  title: 'title',
  metadata: 'metadata',
  budget: 'budget',
  networking: 'networking',
  costMicros: 'cost_micros',
  webSearches: 'web_searches',
  webFetches: 'web_fetches',
} as const satisfies Record<keyof SessionChange, string>;

/** Writes the changed columns; a change of status also moves the clock of running time. */
export async function updateSession(tx: Transaction, id: string, change: SessionChange): Promise<SessionRecord> {
  const keys = Object.keys(change) as (keyof SessionChange)[];
  const sets = keys.map((key, index) => `${CHANGEABLE[key]} = $${index + 2}`);
  if (change.status !== undefined) sets.push(change.status === 'running' ? START_CLOCK : STOP_CLOCK);
  const { rows } = await tx.query<SessionRecord>(
    `update sessions set ${[...sets, 'updated_at = clock_timestamp()'].join(', ')} where id = $1 returning ${SESSION_COLUMNS}`,
    [id, ...keys.map((key) => encode(change[key]))],
  );
  return only(rows);
}

function encode(value: SessionChange[keyof SessionChange]): unknown {
  if (typeof value === 'string') return toText(value);
  return typeof value === 'object' && value !== null && !(value instanceof Date) ? toJsonb(value) : value;
}

const START_CLOCK = 'running_since = coalesce(running_since, clock_timestamp())';
const STOP_CLOCK = `active_ms = active_ms + coalesce(round(extract(epoch from clock_timestamp() - running_since) * 1000), 0)::bigint, running_since = null`;

/** Marks that the loop must look. Answers true when the mark was not there before, or its wake seems to have been lost. */
export async function setWakeNeeded(tx: Transaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update sessions set wake_needed = true, wake_attempts = 0, wake_next_at = now() + interval '5 seconds' where id = $1 and (not wake_needed or wake_attempts > 0)`,
    [id],
  );
  return rowCount === 1;
}

export async function clearWakeNeeded(tx: Transaction, id: string): Promise<void> {
  await tx.query('update sessions set wake_needed = false, wake_next_at = null where id = $1 and wake_needed', [id]);
}

export async function deleteSession(tx: Transaction, id: string): Promise<void> {
  await tx.query('delete from sessions where id = $1', [id]);
}

/** Claims sessions whose wake seems lost; each is offered again later and later until the loop has looked. */
export async function sessionsToWake(pool: Pool, most: number): Promise<{ sessionId: string; workspaceId: string }[]> {
  const { rows } = await pool.query<{ sessionId: string; workspaceId: string }>(
    'select session_id as "sessionId", workspace_id as "workspaceId" from sessions_to_wake($1)',
    [most],
  );
  return rows;
}
