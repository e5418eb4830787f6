import { z } from 'zod';

/** Limits of one turn. */
export const Limits = z.object({
  max_steps: z.int().min(1).max(10_000).optional().describe('Most model requests of a turn; RONDO_MAX_STEPS (200) where none is given.'),
  max_tokens: z.int().min(1).optional().describe('Most input and output tokens of a turn together, cached ones included; no limit where none is given.'),
  max_seconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .optional()
    .describe('Most seconds since the turn began, in which waiting for a person counts; no limit where none is given.'),
});

export type Limits = z.infer<typeof Limits>;
