import { RondoError } from '../../workflows/contract/errors.js';
import type { Pool } from '../postgres/pool.js';
import { listSealedUnderOthers, listWorkspaceIds, replaceSealed, SECRET_PURPOSES } from '../postgres/sealed-secrets.repo.js';
import { type Transaction, transaction } from '../postgres/transaction.js';
import type { Keyring } from './keyring.js';
import type { SecretBox, SecretPurpose } from './secret-box.js';

const BATCH = 100;

export interface RewrapResult {
  /** Secrets that are under the newest key now. */
  readonly rewrapped: number;
  /** What could not be opened, one sentence each; those stay as they are. */
  readonly unreadable: readonly string[];
}

export interface RewrapRequest {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly secretBox: SecretBox;
}

/**
 * Wraps the data key of every secret of every workspace under the newest key; the secrets themselves are not decrypted. Safe to
 * repeat, to end half-way, and to run while others read and write. Afterwards the older keys can be taken away.
 */
export async function rewrapSecrets({ pool, keyring, secretBox }: RewrapRequest): Promise<RewrapResult> {
  const unreadable: string[] = [];
  let rewrapped = 0;

  /** One batch after a row; answers its last row, or `undefined` at the end. */
  const rewrapBatch = async (tx: Transaction, purpose: SecretPurpose, after: string): Promise<string | undefined> => {
    const batch = await listSealedUnderOthers(tx, purpose, { keyId: keyring.newest.id, after, limit: BATCH });
    for (const row of batch) {
      try {
        const fresh = secretBox.rewrap(row.sealed, { workspaceId: tx.workspaceId, purpose, id: row.id });
        if (fresh && (await replaceSealed(tx, purpose, row, fresh))) rewrapped += 1;
      } catch (error) {
        if (!(error instanceof RondoError && error.code === 'secret.unreadable')) throw error;
        unreadable.push(error.message);
      }
    }
    return batch.at(-1)?.id;
  };

  for (const workspaceId of await listWorkspaceIds(pool)) {
    for (const purpose of SECRET_PURPOSES) {
      let after: string | undefined = '';
      while (after !== undefined) {
        const from: string = after;
        after = await transaction(pool, workspaceId, (tx) => rewrapBatch(tx, purpose, from));
      }
    }
  }
  return { rewrapped, unreadable };
}
