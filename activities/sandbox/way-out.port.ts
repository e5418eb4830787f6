import type { SessionRef } from '../../workflows/contract/activities.js';

/** The way out of sandboxes, as the egress gateway of their host keeps it. */
export interface WayOut {
  /**
   * Opens it for a generation, whose folder is in its place. Never fails: while the gateway is away it is tried again, and
   * the sandbox goes without.
   */
  open(ref: SessionRef, generation: number): Promise<void>;
  /** Closes that of a generation and all before it. Never fails either. */
  close(sessionId: string, generation: number): Promise<void>;
}
