import type { SandboxRecord } from '../../workflows/contract/records.js';
import type { Pool } from './pool.js';
import type { Transaction } from './transaction.js';

export async function findSandbox(tx: Transaction, sessionId: string): Promise<SandboxRecord | undefined> {
  const { rows } = await tx.query<SandboxRecord>({
    name: 'find_sandbox',
    text: `select session_id as "sessionId", workspace_id as "workspaceId", generation, name, engine, runtime, isolation, state
      from sandboxes where session_id = $1`,
    values: [sessionId],
  });
  return rows[0];
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

export async function saveSandbox(tx: Transaction, sessionId: string, sandbox: Omit<SandboxRecord, 'sessionId' | 'workspaceId'>): Promise<void> {
  await tx.query(
    `insert into sandboxes (session_id, workspace_id, generation, name, engine, runtime, isolation, state) values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (session_id) do update set generation = excluded.generation, name = excluded.name, engine = excluded.engine,
       runtime = excluded.runtime, isolation = excluded.isolation, state = excluded.state, updated_at = now()`,
    [sessionId, tx.workspaceId, sandbox.generation, sandbox.name, sandbox.engine, sandbox.runtime, sandbox.isolation, sandbox.state],
  );
}

/** The sandbox is gone; the row stays while its session does, for the generation's sake. */
export async function forgetSandbox(tx: Transaction, sessionId: string): Promise<void> {
  await tx.query(`update sandboxes set state = 'released', updated_at = now() where session_id = $1`, [sessionId]);
  await tx.query('delete from sandboxes b where b.session_id = $1 and not exists (select 1 from sessions s where s.id = b.session_id)', [sessionId]);
}

/** Every sandbox that was not released, of all workspaces: ids only, for the janitor. */
export async function sandboxesInUse(pool: Pool): Promise<{ sessionId: string; workspaceId: string; name: string; terminated: boolean }[]> {
  const { rows } = await pool.query<{ sessionId: string; workspaceId: string; name: string; terminated: boolean }>(
    `select session_id as "sessionId", workspace_id as "workspaceId", name, terminated from sandboxes_in_use()`,
  );
  return rows;
}
