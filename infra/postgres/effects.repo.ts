import type { EffectRecord } from '../../workflows/contract/records.js';
import { toJsonb } from './json.js';
import type { Transaction } from './transaction.js';

const COLUMNS = `key, attempt, generation, start_event_id as "startEventId", result, sealed_at is not null as sealed`;

/** Claims whose key begins with a prefix and which were never sealed. */
export async function unsealedEffects(tx: Transaction, sessionId: string, prefix: string): Promise<EffectRecord[]> {
  const { rows } = await tx.query<EffectRecord>({
    name: 'unsealed_effects',
    text: `select ${COLUMNS} from effects where session_id = $1 and sealed_at is null and starts_with(key, $2) order by claimed_at`,
    values: [sessionId, prefix],
  });
  return rows;
}

export async function findEffect(tx: Transaction, sessionId: string, key: string): Promise<EffectRecord | undefined> {
  const { rows } = await tx.query<EffectRecord>({
    name: 'find_effect',
    text: `select ${COLUMNS} from effects where session_id = $1 and key = $2`,
    values: [sessionId, key],
  });
  return rows[0];
}

/** Claims for an attempt: the newest takes over, an older one and a sealed effect are refused. */
export async function claimEffect(
  tx: Transaction,
  sessionId: string,
  claim: { readonly key: string; readonly attempt: number; readonly startEventId?: string },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'claim_effect',
    text: `insert into effects (session_id, workspace_id, key, attempt, start_event_id) values ($1, $2, $3, $4, $5)
      on conflict (session_id, key) do update set attempt = excluded.attempt, claimed_at = now()
      where effects.sealed_at is null and effects.attempt < excluded.attempt`,
    values: [sessionId, tx.workspaceId, claim.key, claim.attempt, claim.startEventId ?? null],
  });
  return rowCount === 1;
}

export async function bindGeneration(tx: Transaction, sessionId: string, key: string, generation: number): Promise<void> {
  await tx.query('update effects set generation = $3 where session_id = $1 and key = $2', [sessionId, key, generation]);
}

export async function sealEffect(tx: Transaction, sessionId: string, key: string, result: unknown): Promise<void> {
  await tx.query({
    name: 'seal_effect',
    text: `insert into effects (session_id, workspace_id, key, attempt, result, sealed_at) values ($1, $2, $3, 0, $4, now())
      on conflict (session_id, key) do update set result = excluded.result, sealed_at = now() where effects.sealed_at is null`,
    values: [sessionId, tx.workspaceId, key, toJsonb(result)],
  });
}
