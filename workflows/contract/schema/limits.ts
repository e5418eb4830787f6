import { z } from 'zod';

/** Limits of one turn. Absent means the installation's default (steps) or none. */
export const Limits = z.object({
  /** Model requests. */
  max_steps: z.int().min(1).max(10_000).optional(),
  /** Input and output tokens together, cached ones included. */
  max_tokens: z.int().min(1).optional(),
  /** Seconds since the turn began; waiting for a person counts. */
  max_seconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .optional(),
});

export type Limits = z.infer<typeof Limits>;
