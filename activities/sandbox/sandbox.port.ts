import type { Duplex } from 'node:stream';
import type { IsolationLevel } from '../../workflows/contract/isolation.js';
import type { Capabilities } from './capabilities.js';

/** What one sandbox may use. */
export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
  /** Largest size of one file; all files together are held back by the disk watch. */
  readonly diskBytes: number;
}

export interface SandboxSpec extends SandboxLimits {
  /** Unique and deterministic: names session and generation, so that a crashed creation is adopted, not repeated. */
  readonly name: string;
  /** What it is made of instead of the plain image; for engines that make images. */
  readonly image?: string | undefined;
  /** Host directory of the session's workspace; bound read-write to /workspace. Created if missing, owned by the sandbox user. */
  readonly workspaceDirectory: string;
  /** Host directory of the session's files, skills and outputs; bound read-write to /mnt. Made and owned as the workspace. */
  readonly mountsDirectory: string;
  /** Host directory for this generation's journal; bound read-write to /run/rondo/journal. Never read by the host. */
  readonly journalDirectory: string;
  /** Host directory of the way out; bound read-only to /run/rondo/egress. Created if missing; never the sandbox user's. */
  readonly egressDirectory: string;
}

/**
 * One way to make sandboxes. Every method is safe to repeat. Errors are `RondoError`s:
 * `sandbox.unavailable` (nothing will help but an operator; the message says what to install or start),
 * `sandbox.failed` (worth another try), `sandbox.gone` (the named sandbox does not exist or has ended).
 */
export interface SandboxProvider {
  readonly engine: 'docker' | 'bubblewrap';
  /** `runsc`, `runc`, `kata`, …; `bwrap` for bubblewrap. */
  readonly runtime: string;
  readonly isolation: IsolationLevel;
  /** What its sandboxes keep of their promises on this host. */
  capabilities(): Promise<Capabilities>;
  /** Really runs something in a throw-away sandbox. */
  probe(): Promise<void>;
  /** Makes and starts the sandbox, or adopts the one of that name. Returns when its supervisor can be attached. */
  create(spec: SandboxSpec): Promise<void>;
  /** A new byte channel to the supervisor inside (JSON lines, see supervisor-protocol.ts). */
  attach(name: string, signal?: AbortSignal): Promise<Duplex>;
  isRunning(name: string): Promise<boolean>;
  /** Why a sandbox does not run any more, as a sentence for the model; undefined when the engine does not know. */
  whyEnded(name: string): Promise<string | undefined>;
  /** Ends the sandbox and everything running in it. A name that does not exist is success. */
  destroy(name: string): Promise<void>;
  /** Names of all sandboxes of this installation, also of earlier processes. */
  list(): Promise<string[]>;
  /** Releases the engine's connections; sandboxes stay. */
  close(): Promise<void>;
}
