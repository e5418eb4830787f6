import { z } from 'zod';
import { nullable, paged } from './list-query.js';

export const SkillListQuery = z.object({
  ...paged(20, 100),
  source: nullable(z.enum(['custom', 'anthropic', 'anthropic_example', 'plugin'], 'must be custom, anthropic, anthropic_example or plugin')),
});

export const SkillVersionListQuery = z.object(paged(20, 100));

const line = /^[^\p{Cc}]*$/u;

/** What stands beside the files in the form of a new skill (wire section 7). */
export const SkillFields = z.object({
  display_name: z.string().trim().min(1).max(255).regex(line, 'must be a single line').optional(),
});

/** What the head of a SKILL.md says; other keys are kept in the file and not read. */
export const SkillHead = z.object({
  name: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be kebab case, for example release-notes'),
  description: z.string().trim().min(1).max(1_024),
});

export type SkillListQuery = z.output<typeof SkillListQuery>;
export type SkillVersionListQuery = z.output<typeof SkillVersionListQuery>;
export type SkillHead = z.output<typeof SkillHead>;
