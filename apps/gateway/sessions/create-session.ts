import { newId } from '../../../infra/ids.js';
import type { AgentRecord } from '../../../infra/postgres/agents.repo.js';
import type { EnvironmentRecord } from '../../../infra/postgres/environments.repo.js';
import { lockSession } from '../../../infra/postgres/session-store.js';
import { insertSession } from '../../../infra/postgres/sessions.repo.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { Limits } from '../../../workflows/contract/schema/limits.js';

/** Makes a session of an agent's snapshot and holds its lock. Errors: `agent.archived`, `environment.archived`. */
export async function createSession(
  tx: Transaction,
  parts: {
    readonly agent: AgentRecord;
    readonly environment: EnvironmentRecord;
    readonly title: string | null;
    readonly metadata: Readonly<Record<string, string>>;
    readonly limits: Limits;
  },
) {
  const { agent, environment } = parts;
  if (agent.archivedAt) throw new RondoError('agent.archived', `Agent ${agent.id} is archived; it takes no new sessions.`);
  if (environment.archivedAt) {
    throw new RondoError('environment.archived', `Environment ${environment.id} is archived; it takes no new sessions.`, {
      details: { error_code: 'environment_archived' },
    });
  }
  const id = newId('session');
  await insertSession(tx, {
    id,
    agent: { id: agent.id, type: 'agent', version: agent.version, ...agent.definition },
    environmentId: environment.id,
    environmentType: 'cloud',
    vaultIds: [],
    skills: [],
    budget: null,
    primaryThreadId: newId('thread'),
    title: parts.title,
    metadata: parts.metadata,
    limits: parts.limits,
  });
  return lockSession(tx, id);
}
