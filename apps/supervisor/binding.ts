import * as fs from 'node:fs';
import path from 'node:path';

/** Whose sandbox this is: nobody's, until a worker says so. */
export interface Binding {
  bind(sessionId: string, environment: Readonly<Record<string, string>>): void;
  /** What a new shell has in its environment beside that of the sandbox. */
  environment(): Readonly<Record<string, string>>;
}

/**
 * Kept in memory only: who calls tools has bound before, on the same connection. The directories of `mounts` come with it,
 * since a sandbox of nobody's must leave its own empty: those of the session are moved into them.
 */
export function createBinding(mounts: string): Binding {
  let bound: Readonly<Record<string, string>> = {};
  return {
    bind(sessionId, environment) {
      bound = { ...environment, RONDO_SESSION_ID: sessionId };
      makeMounts(mounts);
    },
    environment: () => bound,
  };
}

/** The directories that a session's files come in and go out by. A full disk does not keep the tools from running. */
function makeMounts(mounts: string): void {
  for (const name of ['session/uploads', 'session/outputs', 'skills']) {
    try {
      fs.mkdirSync(path.join(mounts, name), { recursive: true });
    } catch {
      // Whoever writes there is told.
    }
  }
}
