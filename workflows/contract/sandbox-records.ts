/** A session's sandbox. A higher generation means a new sandbox on the same workspace. */
export interface SandboxRecord {
  readonly sessionId: string;
  readonly workspaceId: string;
  readonly generation: number;
  readonly name: string;
  readonly engine: string;
  readonly runtime: string;
  readonly isolation: string;
  readonly state: 'starting' | 'ready' | 'released';
  /** The host that has it; null where that is not known. */
  readonly hostId: string | null;
  /** That host as it was last seen; null where there is none of that name. */
  readonly host: HostSeen | null;
}

export interface HostSeen {
  /** Where its workers take what only they can do. */
  readonly taskQueue: string;
  /** The data folder that stands behind its name now; null where it did not say. */
  readonly place: string | null;
  readonly isLive: boolean;
  /** Milliseconds since it was last heard of. */
  readonly silentMs: number;
}

/** A sandbox as it is written; where its host is nobody writes. */
export type NewSandbox = Omit<SandboxRecord, 'sessionId' | 'workspaceId' | 'host'>;

/** A host that could make a session's next sandbox. */
export interface SandboxPlace {
  readonly hostId: string;
  readonly taskQueue: string;
  /** The data folder that has that name, on the machine that runs; null where it did not say. */
  readonly place: string | null;
  /** Sandboxes that it takes beside those it has; not above zero when it is full. */
  readonly free: number;
}

/** The image that an environment's packages make. */
export interface SessionImage {
  /** Null where there are no packages. */
  readonly packagesHash: string | null;
  readonly state: 'none' | 'building' | 'ready' | 'failed';
  /** What the package manager said. */
  readonly error: string | null;
  /** The session has a sandbox already, of whatever image. */
  readonly isRunning: boolean;
}

/** A sandbox that runs, or is being made, and is nobody's yet. */
export interface PoolMember {
  readonly id: string;
  /** Everything that it must have in common with what is wanted. */
  readonly kind: string;
  readonly name: string;
  readonly state: 'starting' | 'warm';
  readonly ageSeconds: number;
}

/** The last kept state of a session's directories. Contents are in blobs. */
export interface CheckpointRecord {
  /** Counts the session's checkpoints. */
  readonly sequence: number;
  /** The sandbox generation whose end it shows. */
  readonly generation: number;
  /** The manifest; also what tells this checkpoint from every other. */
  readonly blobKey: string;
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
  /** What had to be stored for this checkpoint. */
  readonly storedBytes: number;
  /** The first of what it left out, and how much that was in all. */
  readonly skipped: readonly SkippedEntry[];
  readonly skippedCount: number;
  readonly createdAt: Date;
}

/** The last sandbox generations that something was done in; undefined where nothing was. */
export interface GenerationsUsed {
  /** A call was sent to it. */
  readonly calls: number | undefined;
  /** A caller of the API put a file into it. */
  readonly files: number | undefined;
}

export interface SkippedEntry {
  /** One character for each byte. */
  readonly path: string;
  readonly why: string;
}

export type NewCheckpoint = Omit<CheckpointRecord, 'sequence' | 'createdAt'> & {
  /** Keys of the blobs that its manifest names. */
  readonly packs: readonly string[];
};

/** A caller's wish for a file of a session's workspace, taken by a worker. */
export interface SandboxFileRequest {
  readonly id: string;
  readonly sessionId: string;
  readonly workspaceId: string;
  readonly kind: 'read' | 'write';
  /** Below /workspace, without a slash at its beginning. */
  readonly path: string;
  /** What is to be written. */
  readonly blobKey: string | null;
  readonly attempt: number;
}

/** What sandboxes before the current one had and this one has not, beside programs and shell state. */
export interface SandboxLoss {
  /** Why the packages of the environment are not there, as a sentence; absent when they are, or there are none. */
  readonly packages?: string;
  /** There was no sandbox before this one. */
  readonly isFirst?: boolean;
  /** Why the earlier sandbox ended, as a sentence; absent when it was given back, or nobody knows. */
  readonly ended?: string;
  /** ISO 8601: what was written later than this is gone; `null`: everything is. Absent when nothing is. */
  readonly changesSince?: string | null;
  /** Files that the checkpoint had left out, and how many there were. */
  readonly skipped: readonly SkippedEntry[];
  readonly skippedCount: number;
}

/** A piece of what a running call has printed. Offsets count the bytes of its whole output as UTF-8. */
export interface CallOutputPiece {
  readonly begins: number;
  readonly bytes: number;
  /** What these bytes say to a reader: without control sequences of terminals, known secrets masked. */
  readonly text: string;
}
