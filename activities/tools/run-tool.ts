import type { RunToolInput, RunToolResult } from '../../workflows/contract/activities.js';
import type { ActivityRun } from '../boundary.js';
import { createRunInSandbox, type SandboxCallDependencies } from './run-in-sandbox.js';
import { createRunRemote, type RemoteCallDependencies } from './run-remote.js';

export type RunToolDependencies = SandboxCallDependencies & RemoteCallDependencies;

/** Runs one tool call to its result: in the session's sandbox, or at an MCP server or in Rondo itself, without a sandbox. */
export const createRunTool = (deps: RunToolDependencies) => {
  const inSandbox = createRunInSandbox(deps);
  const remote = createRunRemote(deps);
  return (input: RunToolInput, run: ActivityRun): Promise<RunToolResult> => (input.remote ? remote(input, run) : inSandbox(input, run));
};
