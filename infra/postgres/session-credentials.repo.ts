import type { CredentialAuth } from '../../workflows/contract/schema/vault.js';
import type { Transaction } from './transaction.js';

/** A credential that a session may use, with its secret still sealed. */
export interface SealedCredential {
  readonly id: string;
  readonly vaultId: string;
  readonly auth: CredentialAuth;
  readonly secret: Buffer;
}

const COLUMNS = `c.id, c.vault_id as "vaultId", c.auth, c.secret`;

/** Active credentials of vaults in the session's order. */
const IN_ORDER = `from unnest($1::text[]) with ordinality as given (vault_id, place)
  join vault_credentials c on c.vault_id = given.vault_id and c.archived_at is null`;

/** The credential for an MCP server, by its address in the one spelling. The first vault that has one wins; expired access tokens do not count. */
export async function findServerCredential(tx: Transaction, vaultIds: readonly string[], serverKey: string): Promise<SealedCredential | undefined> {
  const { rows } = await tx.query<SealedCredential>(
    `select ${COLUMNS} ${IN_ORDER}
     where c.target = $2 and c.auth ->> 'type' in ('static_bearer', 'mcp_oauth') and (c.expires_at is null or c.expires_at > clock_timestamp())
     order by given.place limit 1`,
    [vaultIds, serverKey],
  );
  return rows[0];
}

/** The environment variables of a session; of several vaults with one name the first wins. */
export async function listVariableCredentials(tx: Transaction, vaultIds: readonly string[]): Promise<SealedCredential[]> {
  const { rows } = await tx.query<SealedCredential>(
    `select distinct on (c.target) ${COLUMNS} ${IN_ORDER} where c.auth ->> 'type' = 'environment_variable' order by c.target, given.place`,
    [vaultIds],
  );
  return rows;
}

/** Names and ids of the environment variables of a session, in the same choice; no secret is read. */
export async function listSessionVariables(tx: Transaction, sessionId: string): Promise<{ readonly id: string; readonly name: string }[]> {
  const { rows } = await tx.query<{ id: string; name: string }>({
    name: 'session_variables',
    text: `select distinct on (c.target) c.id, c.auth ->> 'secret_name' as name
      from sessions s, unnest(s.vault_ids) with ordinality as given (vault_id, place)
      join vault_credentials c on c.vault_id = given.vault_id and c.archived_at is null
      where s.id = $1 and c.auth ->> 'type' = 'environment_variable' order by c.target, given.place`,
    values: [sessionId],
  });
  return rows;
}
