import type { SessionRef } from '../../workflows/contract/activities.js';
import type { Pool } from '../postgres/pool.js';
import { listSessionVariables } from '../postgres/session-credentials.repo.js';
import { transaction } from '../postgres/transaction.js';
import type { Placeholders } from './placeholder.js';

/** The variables by which a sandbox knows a session's credentials: placeholders, which the egress gateway exchanges. */
export const createSandboxVariables =
  ({ pool, placeholders }: { readonly pool: Pool; readonly placeholders: Placeholders }) =>
  async ({ sessionId, workspaceId }: SessionRef): Promise<Readonly<Record<string, string>>> => {
    const variables = await transaction(pool, workspaceId, (tx) => listSessionVariables(tx, sessionId));
    return Object.fromEntries(variables.map(({ id, name }) => [name, placeholders.of(sessionId, id)]));
  };
