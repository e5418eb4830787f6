import type { Networking } from './schema/environment.js';

/** What decides what a session's programs find when they look outside. */
export interface NetworkAccess {
  /** Undefined where the caller's own workers run the tools. */
  readonly networking: Networking | undefined;
  /** Names of the variables that hold placeholders of secrets. */
  readonly variables: readonly string[];
}
