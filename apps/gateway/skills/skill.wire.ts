import { z } from 'zod';
import type { SkillRecord } from '../../../infra/postgres/skills.repo.js';
import type { SkillVersionRecord } from '../../../workflows/contract/file-records.js';

export const SkillWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('skill'),
    display_name: z.string(),
    latest_version_id: z.string(),
    source: z.looseObject({ type: z.literal('custom') }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Skill' });

export const SkillVersionWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('skill_version'),
    skill_id: z.string(),
    name: z.string(),
    description: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'SkillVersion' });

export const DeletedSkillWire = z.looseObject({ id: z.string(), type: z.literal('skill_deleted') });
export const DeletedSkillVersionWire = z.looseObject({ id: z.string(), type: z.literal('skill_version_deleted') });

/** A skill (wire section 7). All are the workspace's own. */
export const toSkillWire = (skill: SkillRecord) => ({
  id: skill.id,
  type: 'skill' as const,
  display_name: skill.displayName,
  latest_version_id: skill.latestVersionId,
  source: { type: 'custom' as const },
  created_at: skill.createdAt.toISOString(),
  updated_at: skill.updatedAt.toISOString(),
});

export const toSkillVersionWire = (version: SkillVersionRecord) => ({
  id: version.versionId,
  type: 'skill_version' as const,
  skill_id: version.skillId,
  name: version.name,
  description: version.description,
  created_at: version.createdAt.toISOString(),
});
