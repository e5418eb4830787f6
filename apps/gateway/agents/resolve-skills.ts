import { resolveSkillVersion } from '../../../infra/postgres/skills.repo.js';
import type { Transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { ResolvedSkill, SkillInput } from '../../../workflows/contract/schema/agent.js';

/**
 * Skills as a caller names them, looked up in the workspace: a concrete version where none is named, `latest` as given.
 * Errors: `skill.not_found`, and `request.invalid` for a skill given twice or one of the hosted product.
 */
export async function resolveSkills(tx: Transaction, skills: readonly SkillInput[]): Promise<ResolvedSkill[]> {
  const resolved: ResolvedSkill[] = [];
  for (const [index, { type, skill_id, version }] of skills.entries()) {
    const field = `skills[${index}]`;
    if (type === 'anthropic') {
      throw new RondoError(
        'request.invalid',
        `${field}.type: "anthropic" skills are not there on this server; upload the skill and name it with type "custom".`,
      );
    }
    if (resolved.some((other) => other.skill_id === skill_id)) {
      throw new RondoError('request.invalid', `${field}.skill_id: ${JSON.stringify(skill_id)} is given twice; an agent has one version of a skill.`);
    }
    const found = await resolveSkillVersion(tx, skill_id, version ?? undefined);
    if (!found) {
      const what = version == null ? `skill ${JSON.stringify(skill_id)}` : `version ${JSON.stringify(version)} of skill ${JSON.stringify(skill_id)}`;
      throw new RondoError('skill.not_found', `${field}: there is no ${what} in this workspace.`);
    }
    resolved.push({ type, skill_id, version: version === 'latest' ? version : found.versionId });
  }
  return resolved;
}
