import { z } from 'zod';
import { TOOL_INPUTS, type ToolName } from './tool-inputs.js';

/** One sandbox tool as the model is told about it. */
export interface SandboxTool {
  readonly name: ToolName;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly input_schema: Readonly<Record<string, unknown>>;
  /** Whether a call may change the workspace; such calls of one step run one after another. */
  readonly changesWorkspace: boolean;
}

const jsonSchema = (name: ToolName): Record<string, unknown> => {
  const { $schema: _, ...schema } = z.toJSONSchema(TOOL_INPUTS[name], {
    io: 'input',
    // zod bounds every integer by what a double can hold; that says nothing to a model.
    override: ({ jsonSchema: node }) => {
      if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum;
      if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum;
    },
  });
  return schema;
};

const tool = (name: ToolName, changesWorkspace: boolean, description: string): SandboxTool => ({
  name,
  description,
  input_schema: jsonSchema(name),
  changesWorkspace,
});

/** The six tools that run inside the sandbox. */
export const SANDBOX_TOOLS: readonly SandboxTool[] = [
  tool(
    'bash',
    true,
    'Runs a command in a bash shell that stays open between calls: the working directory, variables and functions are kept. ' +
      'The result holds standard output and standard error together, and the exit code if it is not zero. ' +
      'Commands get no input. Start long-lived programs in the background (`program &`): they go on after the call, and the result names the file that ' +
      'what they print goes to. A restart ends them.',
  ),
  tool('read', false, 'Reads a text file, or shows an image or a PDF. Text over 256 KiB needs view_range.'),
  tool('write', true, 'Writes a text file, replacing what was there.'),
  tool('edit', true, 'Replaces a piece of text in a file.'),
  tool('glob', false, 'Finds files by name pattern, newest first, at most 200. Skips .git and node_modules.'),
  tool('grep', false, 'Searches the content of files by regular expression; answers with file, line number and line.'),
];
