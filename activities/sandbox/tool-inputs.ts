import * as z from 'zod/mini';

/** Longest time a caller may give one bash command. */
export const MAX_TOOL_TIMEOUT_MS = 600_000;
export const DEFAULT_TOOL_TIMEOUT_MS = 120_000;

const path = z.string().check(z.minLength(1), z.maxLength(4096));
const text = z.string().check(z.minLength(1));

/** A value with what the model is told about it. */
const told = <Schema extends z.ZodMiniType>(schema: Schema, description: string): Schema => schema.check(z.describe(description));

/** Inputs of the sandbox tools, with the wire's names and keys. The model sees them as JSON Schema (toolset.ts). */
export const TOOL_INPUTS = {
  bash: z
    .object({
      command: z.optional(told(z.string(), 'The command, or a script of several lines.')),
      restart: z.optional(told(z.boolean(), 'Starts a fresh shell first. May be given alone.')),
      timeout_ms: z.optional(
        told(
          z.int().check(z.minimum(1), z.maximum(MAX_TOOL_TIMEOUT_MS)),
          `Time limit of this command in milliseconds, ${DEFAULT_TOOL_TIMEOUT_MS} if not given.`,
        ),
      ),
    })
    .check(
      z.refine((input) => input.restart === true || (input.command ?? '').trim() !== '', {
        message: 'give a command, or restart: true',
        path: ['command'],
      }),
    ),
  read: z.object({
    file_path: told(path, 'The file, absolute or relative to /workspace.'),
    view_range: z.optional(
      told(z.array(z.int()).check(z.length(2)), 'First and last line, counted from 1; a last line of 0 or less means the end of the file.'),
    ),
  }),
  write: z.object({
    file_path: told(path, 'The file, absolute or relative to /workspace. Missing directories are made.'),
    content: told(z.string(), 'The whole new content.'),
  }),
  edit: z.object({
    file_path: told(path, 'The file, absolute or relative to /workspace.'),
    old_string: told(text, 'The exact text to replace, whitespace included.'),
    new_string: told(z.string(), 'What takes its place.'),
    replace_all: z.optional(told(z.boolean(), 'Replaces every occurrence; otherwise there must be exactly one.')),
  }),
  glob: z.object({
    pattern: told(text, 'For example `**/*.py`. Neither absolute nor with `..`.'),
    path: z.optional(told(path, 'Directory to search, /workspace if not given.')),
  }),
  grep: z.object({
    pattern: told(text, 'A regular expression.'),
    path: z.optional(told(path, 'File or directory to search, /workspace if not given.')),
  }),
} as const;

export type ToolName = keyof typeof TOOL_INPUTS;

export type ToolInput<Name extends ToolName> = z.infer<(typeof TOOL_INPUTS)[Name]>;

export const isToolName = (name: string): name is ToolName => Object.hasOwn(TOOL_INPUTS, name);
