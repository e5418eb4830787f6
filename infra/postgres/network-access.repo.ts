import type { NetworkAccess } from '../../workflows/contract/network-access.js';
import type { Networking } from '../../workflows/contract/schema/environment.js';
import { NETWORKING } from './egress-subject.repo.js';
import { listSessionVariables } from './session-credentials.repo.js';
import type { Transaction } from './transaction.js';

/** What the model is told of a session's network: the policy as it is now, and the names of variables. */
export async function readNetworkAccess(tx: Transaction, sessionId: string): Promise<NetworkAccess> {
  const { rows } = await tx.query<{ networking: Networking | null; hasVaults: boolean }>({
    name: 'network_access',
    text: `select ${NETWORKING} as networking, cardinality(s.vault_ids) > 0 as "hasVaults" from sessions s join environments e on e.id = s.environment_id where s.id = $1`,
    values: [sessionId],
  });
  const [row] = rows;
  const variables = row?.hasVaults ? await listSessionVariables(tx, sessionId) : [];
  return { networking: row?.networking ?? undefined, variables: variables.map(({ name }) => name) };
}
