import type { NewSandbox, SandboxPlace, SandboxRecord } from '../../workflows/contract/sandbox-records.js';
import type { Pool } from './pool.js';
import type { Transaction } from './transaction.js';

export async function findSandbox(tx: Transaction, sessionId: string): Promise<SandboxRecord | undefined> {
  const { rows } = await tx.query<SandboxRecord>({
    name: 'find_sandbox',
    text: `select b.session_id as "sessionId", b.workspace_id as "workspaceId", b.generation, b.name, b.engine, b.runtime, b.isolation, b.state,
        b.host_id as "hostId", case when h.id is not null then jsonb_build_object('taskQueue', h.task_queue, 'place', h.place, 'isLive', host_is_live(h.seen_at),
          'silentMs', round(extract(epoch from clock_timestamp() - h.seen_at) * 1000)) end as host
      from sandboxes b left join sandbox_hosts h on h.id = b.host_id where b.session_id = $1`,
    values: [sessionId],
  });
  return rows[0];
}

/** Hosts that could make the session's next sandbox. Until the transaction ends nobody else of this host is told of the same places. */
export async function placesFor(tx: Transaction, sessionId: string, hostId: string): Promise<SandboxPlace[]> {
  const { rows } = await tx.query<SandboxPlace>({
    name: 'places_for_sandbox',
    text: 'select host_id as "hostId", task_queue as "taskQueue", place, free from places_for_sandbox($1, $2)',
    values: [hostId, sessionId],
  });
  return rows;
}

/** The sandboxes of several sessions, by session id; sessions that have none now are absent. */
export async function readSandboxesOf(
  tx: Transaction,
  sessionIds: readonly string[],
): Promise<Map<string, Pick<SandboxRecord, 'isolation' | 'engine' | 'runtime'>>> {
  const { rows } = await tx.query<Pick<SandboxRecord, 'sessionId' | 'isolation' | 'engine' | 'runtime'>>(
    `select session_id as "sessionId", isolation, engine, runtime from sandboxes where session_id = any($1) and state <> 'released'`,
    [sessionIds],
  );
  return new Map(rows.map(({ sessionId, ...sandbox }) => [sessionId, sandbox]));
}

export async function saveSandbox(tx: Transaction, sessionId: string, sandbox: NewSandbox): Promise<void> {
  const { generation, name, engine, runtime, isolation, state, hostId } = sandbox;
  await tx.query(
    `insert into sandboxes (session_id, workspace_id, generation, name, engine, runtime, isolation, state, host_id) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (session_id) do update set generation = excluded.generation, name = excluded.name, engine = excluded.engine,
       runtime = excluded.runtime, isolation = excluded.isolation, state = excluded.state, host_id = excluded.host_id, updated_at = now()`,
    [sessionId, tx.workspaceId, generation, name, engine, runtime, isolation, state, hostId],
  );
}

/** The sandbox is gone; the row stays while its session does, for the generation's sake. */
export async function forgetSandbox(tx: Transaction, sessionId: string): Promise<void> {
  await tx.query(`update sandboxes set state = 'released', updated_at = now() where session_id = $1`, [sessionId]);
  await tx.query('delete from sandboxes b where b.session_id = $1 and not exists (select 1 from sessions s where s.id = b.session_id)', [sessionId]);
}

export interface SandboxInUse {
  readonly sessionId: string;
  readonly workspaceId: string;
  readonly name: string;
  /** Its session has ended or was deleted. */
  readonly terminated: boolean;
  /** Another host has it, and lives. */
  readonly elsewhere: boolean;
}

/** Every sandbox that was not released, of all workspaces and hosts, as a host sees it: ids only. */
export async function sandboxesInUse(pool: Pool, hostId: string): Promise<SandboxInUse[]> {
  const { rows } = await pool.query<SandboxInUse>(
    'select session_id as "sessionId", workspace_id as "workspaceId", name, terminated, elsewhere from sandboxes_in_use($1)',
    [hostId],
  );
  return rows;
}

/** Sandboxes of a host whose sessions have done nothing for a while, the longest idle first; of all workspaces. */
export async function idleSandboxes(
  pool: Pool,
  of: { readonly hostId: string; readonly idleMs: number; readonly most: number },
): Promise<{ sessionId: string; workspaceId: string; fence: number }[]> {
  const { rows } = await pool.query<{ sessionId: string; workspaceId: string; fence: number }>(
    `select session_id as "sessionId", workspace_id as "workspaceId", fence from idle_sandboxes($1, $2 * interval '1 millisecond', $3)`,
    [of.hostId, of.idleMs, of.most],
  );
  return rows;
}
