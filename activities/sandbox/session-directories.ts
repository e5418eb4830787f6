import { join } from 'node:path';

/** Host directory of a session's workspace. */
export const workspaceOf = (home: string, sessionId: string): string => join(home, 'workspaces', sessionId);

/** Host directories of one sandbox of a session: what outlives it, and its own journal. */
export interface SandboxDirectories {
  readonly workspaceDirectory: string;
  readonly mountsDirectory: string;
  readonly journalDirectory: string;
}

export const directoriesOf = (home: string, sessionId: string, generation: number): SandboxDirectories => ({
  workspaceDirectory: workspaceOf(home, sessionId),
  mountsDirectory: join(home, 'mounts', sessionId),
  journalDirectory: join(home, 'sandboxes', sessionId, `g${generation}`),
});
