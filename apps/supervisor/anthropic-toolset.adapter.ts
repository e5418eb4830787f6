import { betaEditTool, betaGlobTool, betaGrepTool, betaReadTool, betaWriteTool, resolvePath } from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { textOutcome } from '../../activities/sandbox/supervisor-protocol.js';
import type { ToolInput } from '../../activities/sandbox/tool-inputs.js';
import { readMedia } from './media.js';
import type { Tool } from './tool.js';

export interface FileTools {
  readonly read: Tool<ToolInput<'read'>>;
  readonly write: Tool<ToolInput<'write'>>;
  readonly edit: Tool<ToolInput<'edit'>>;
  readonly glob: Tool<ToolInput<'glob'>>;
  readonly grep: Tool<ToolInput<'grep'>>;
}

/** The file tools of the official SDK, confined to the workspace and `otherRoots`; `read` also shows images and PDFs. */
export function createFileTools(options: { readonly workspace: string; readonly otherRoots: readonly string[] }): FileTools {
  const context = { workdir: options.workspace, allowedRoots: [...options.otherRoots] };
  const read = answering(betaReadTool(context));
  return {
    read: async (input, call) => {
      const media = await readMedia(await resolvePath(context, input.file_path));
      return media ?? read(input, call);
    },
    write: answering(betaWriteTool(context)),
    edit: answering(betaEditTool(context)),
    glob: answering(betaGlobTool(context)),
    grep: answering(betaGrepTool(context)),
  };
}

interface RunnableTool {
  // A method, so that a tool of any input type fits: the input was validated against the same schema.
  run(input: unknown, context: { signal: AbortSignal }): unknown;
}

function answering<Input>(tool: object): Tool<Input> {
  const runnable = tool as RunnableTool;
  return async (input, { signal, startClock, timeoutMs }) => {
    startClock(timeoutMs);
    const text = await runnable.run(input, { signal });
    return textOutcome('completed', typeof text === 'string' && text !== '' ? text : '(empty)', false);
  };
}
