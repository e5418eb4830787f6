import { randomBytes } from 'node:crypto';
import { hashOfCredential } from './api-keys.repo.js';
import type { Db } from './pool.js';
import type { Transaction } from './transaction.js';

export const WORK_TOKEN_PREFIX = 'sk-rondo-req-';

export interface WorkToken {
  readonly workspaceId: string;
  readonly environmentId: string;
  readonly sessionId: string;
  readonly workId: string;
  readonly claim: number;
  /** The item was acknowledged under this token's claim and has not been stopped, lost or offered to another since. */
  readonly held: boolean;
}

/** Tokens of earlier offers are known for a while, so that their workers are told that the lease is lost, not that they are strangers. */
const EARLIER_OFFERS = 8;

/** Makes the credential of one offer of an item. Only its hash is stored. */
export async function mintWorkToken(
  tx: Transaction,
  offer: { readonly workId: string; readonly claim: number; readonly keyId: string | null },
): Promise<string> {
  const token = `${WORK_TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
  await tx.query('delete from work_tokens where work_id = $1 and claim < $2', [offer.workId, offer.claim - EARLIER_OFFERS]);
  await tx.query('insert into work_tokens (token_hash, workspace_id, work_id, claim, key_id) values ($1, $2, $3, $4, $5)', [
    hashOfCredential(token),
    tx.workspaceId,
    offer.workId,
    offer.claim,
    offer.keyId,
  ]);
  return token;
}

/** What a token stands for; `undefined` for an unknown one, and for one whose environment key was revoked. */
export async function findWorkOfToken(db: Db, token: string): Promise<WorkToken | undefined> {
  const { rows } = await db.query<WorkToken>({
    name: 'work_of_token',
    text: `select workspace_id as "workspaceId", environment_id as "environmentId", session_id as "sessionId", work_id as "workId", claim, held
      from work_of_token($1)`,
    values: [hashOfCredential(token)],
  });
  return rows[0];
}
