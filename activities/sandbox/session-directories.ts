import { join } from 'node:path';

/** The egress gateway's own folder: its control socket, its authority, and the folders of sandboxes. */
export const egressFolder = (home: string): string => join(home, 'egress');

/** Host directory of a session's workspace. */
export const workspaceOf = (home: string, sessionId: string): string => join(home, 'workspaces', sessionId);

/** Host directories of one sandbox of a session: what outlives it, its own journal, and its way out. */
export interface SandboxDirectories {
  readonly workspaceDirectory: string;
  readonly mountsDirectory: string;
  readonly journalDirectory: string;
  /** Where the egress gateway puts the socket of this generation. */
  readonly egressDirectory: string;
}

export const directoriesOf = (home: string, sessionId: string, generation: number): SandboxDirectories => ({
  workspaceDirectory: workspaceOf(home, sessionId),
  mountsDirectory: join(home, 'mounts', sessionId),
  journalDirectory: join(home, 'sandboxes', sessionId, `g${generation}`),
  egressDirectory: join(egressFolder(home), 'sandboxes', sessionId, `g${generation}`),
});

/** Those that the sandbox can fill. */
export const writableDirectories = ({ workspaceDirectory, mountsDirectory, journalDirectory }: SandboxDirectories): readonly string[] => [
  workspaceDirectory,
  mountsDirectory,
  journalDirectory,
];
