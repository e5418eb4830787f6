import type { Transaction } from '../../../infra/postgres/transaction.js';
import type { SessionCreate } from '../../../workflows/contract/schema/session-create.js';
import { requireAgent } from '../agents/agents.service.js';
import { overrideDefinition } from '../agents/resolve-definition.js';
import { resolveSkills } from '../agents/resolve-skills.js';
import type { SessionParts } from './create-session.js';

/** The agent a session is asked for, at its version, with the session's own overrides. Errors: `agent.not_found`, `request.invalid`. */
export async function agentOf(tx: Transaction, wanted: SessionCreate['agent']): Promise<Pick<SessionParts, 'agent' | 'definition'>> {
  if (typeof wanted === 'string') return plain(await requireAgent(tx, wanted));
  const agent = await requireAgent(tx, wanted.id, wanted.version);
  if (wanted.type === 'agent') return plain(agent);
  const skills = wanted.skills === undefined ? undefined : await resolveSkills(tx, wanted.skills ?? []);
  return { agent, definition: overrideDefinition(agent.definition, wanted, skills) };
}

const plain = (agent: Awaited<ReturnType<typeof requireAgent>>) => ({ agent, definition: agent.definition });
