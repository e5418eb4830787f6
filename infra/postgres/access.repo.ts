import type { Transaction } from './transaction.js';

/** Whose sessions are meant: the one a worker has, or all of an environment. */
export interface SessionScope {
  readonly environmentId: string;
  readonly sessionId: string | null;
}

const IN_SCOPE = 's.environment_id = $1 and ($2::text is null or s.id = $2)';

export const reachesSession = (tx: Transaction, scope: SessionScope, sessionId: string): Promise<boolean> =>
  exists(tx, `from sessions s where ${IN_SCOPE} and s.id = $3`, scope, sessionId);

/** Whether a session that has work uses the skill. */
export const reachesSkill = (tx: Transaction, scope: SessionScope, skillId: string): Promise<boolean> =>
  exists(
    tx,
    `from work_items w join sessions s on s.id = w.session_id
     where ${IN_SCOPE} and w.environment_id = $1 and w.state <> 'stopped' and s.skills @> jsonb_build_array(jsonb_build_object('skillId', $3::text))`,
    scope,
    skillId,
  );

export const reachesFile = (tx: Transaction, scope: SessionScope, fileId: string): Promise<boolean> =>
  exists(tx, `from files f join sessions s on s.id = f.session_id where ${IN_SCOPE} and f.id = $3`, scope, fileId);

async function exists(tx: Transaction, source: string, scope: SessionScope, id: string): Promise<boolean> {
  const { rows } = await tx.query<{ found: boolean }>(`select exists (select ${source}) as found`, [scope.environmentId, scope.sessionId, id]);
  return rows[0]?.found === true;
}
