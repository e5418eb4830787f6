import { z } from 'zod';
import { ResultBlock } from './content.js';

/**
 * What became of one tool call.
 * `completed`: it ran to its end (also with an error of its own). `timed_out`: ended by its time limit.
 * `interrupted`: stopped on request. `lost`: nobody knows whether or how far it ran.
 */
export const ToolOutcome = z.object({
  status: z.enum(['completed', 'timed_out', 'interrupted', 'lost']),
  content: z.array(ResultBlock),
  is_error: z.boolean(),
});

export type ToolOutcome = z.infer<typeof ToolOutcome>;
