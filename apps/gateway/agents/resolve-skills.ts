import type { Transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { ResolvedSkill, SkillInput } from '../../../workflows/contract/schema/agent.js';

/** Skills as a caller names them, looked up. Errors: `skill.not_found`, and `request.invalid` for one that is given twice. */
export async function resolveSkills(_tx: Transaction, skills: readonly SkillInput[]): Promise<ResolvedSkill[]> {
  const first = skills[0];
  if (!first) return [];
  throw new RondoError('skill.not_found', `skills[0].skill_id: there is no skill ${JSON.stringify(first.skill_id)} in this workspace.`);
}
