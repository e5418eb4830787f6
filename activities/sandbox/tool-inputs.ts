import { z } from 'zod';

/** Longest time a caller may give one bash command. */
export const MAX_TOOL_TIMEOUT_MS = 600_000;
export const DEFAULT_TOOL_TIMEOUT_MS = 120_000;

const path = z.string().min(1).max(4096);

/** Inputs of the sandbox tools, with the wire's names and keys. The model sees them as JSON Schema (toolset.ts). */
export const TOOL_INPUTS = {
  bash: z
    .object({
      command: z.string().describe('The command, or a script of several lines.').optional(),
      restart: z.boolean().describe('Starts a fresh shell first. May be given alone.').optional(),
      timeout_ms: z
        .number()
        .int()
        .min(1)
        .max(MAX_TOOL_TIMEOUT_MS)
        .describe(`Time limit of this command in milliseconds, ${DEFAULT_TOOL_TIMEOUT_MS} if not given.`)
        .optional(),
    })
    .refine((input) => input.restart === true || (input.command ?? '').trim() !== '', {
      message: 'give a command, or restart: true',
      path: ['command'],
    }),
  read: z.object({
    file_path: path.describe('The file, absolute or relative to /workspace.'),
    view_range: z
      .array(z.number().int())
      .length(2)
      .describe('First and last line, counted from 1; a last line of 0 or less means the end of the file.')
      .optional(),
  }),
  write: z.object({
    file_path: path.describe('The file, absolute or relative to /workspace. Missing directories are made.'),
    content: z.string().describe('The whole new content.'),
  }),
  edit: z.object({
    file_path: path.describe('The file, absolute or relative to /workspace.'),
    old_string: z.string().min(1).describe('The exact text to replace, whitespace included.'),
    new_string: z.string().describe('What takes its place.'),
    replace_all: z.boolean().describe('Replaces every occurrence; otherwise there must be exactly one.').optional(),
  }),
  glob: z.object({
    pattern: z.string().min(1).describe('For example `**/*.py`. Neither absolute nor with `..`.'),
    path: path.describe('Directory to search, /workspace if not given.').optional(),
  }),
  grep: z.object({
    pattern: z.string().min(1).describe('A regular expression.'),
    path: path.describe('File or directory to search, /workspace if not given.').optional(),
  }),
} as const;

export type ToolName = keyof typeof TOOL_INPUTS;

export type ToolInput<Name extends ToolName> = z.infer<(typeof TOOL_INPUTS)[Name]>;

export const isToolName = (name: string): name is ToolName => Object.hasOwn(TOOL_INPUTS, name);
