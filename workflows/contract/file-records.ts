import type { JsonObject } from './records.js';

/** Something attached to a session (wire section 3.1). `body` has the fields of its type; a token is kept apart, encrypted. */
export interface ResourceRecord {
  readonly id: string;
  readonly sessionId: string;
  readonly type: 'file' | 'github_repository' | 'memory_store';
  readonly mountPath: string;
  readonly body: JsonObject;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a file of the outputs folder looked like when it was last taken, as the sandbox said. */
export interface TakenOutput {
  /** Relative to the folder. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
}

/** An output whose bytes are in the blob store. */
export interface NewOutput {
  readonly filename: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly blobKey: string;
}

/** Something that a session's sandbox is to hold and does not hold yet. */
export interface DueMount {
  /** Id of the resource, or of the skill's version behind `skill:`. */
  readonly key: string;
  readonly type: 'file' | 'github_repository' | 'skill';
  readonly mountPath: string;
  /** The resource's fields, or the session's skill. */
  readonly body: JsonObject;
}

/** A mount that one holder may work at now. */
export interface MountClaim {
  readonly key: string;
  readonly attempt: number;
  readonly turn: number;
  /** It was mounted before: what lies at its path is it, however the agent has changed it. */
  readonly placed: boolean;
  /** An earlier attempt did not say how it ended, so that what lies at its path may be it. Nothing of the session ran since. */
  readonly doubtful: boolean;
}

/** A file of the Files API (wire section 6). */
export interface FileRecord {
  readonly id: string;
  /** The session it belongs to and goes with; null for a file of the workspace. */
  readonly sessionId: string | null;
  /** Uploaded, a session's copy of an uploaded file, or written by the agent. */
  readonly origin: 'upload' | 'copy' | 'output';
  readonly filename: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Null once the file has expired and its bytes are given up. */
  readonly blobKey: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

/** One version of a skill. At `blobKey` is a tar.gz with one top-level directory, named as the skill. */
export interface SkillVersionRecord {
  readonly skillId: string;
  /** `skillver_…` */
  readonly versionId: string;
  /** Kebab case. */
  readonly name: string;
  readonly description: string;
  readonly blobKey: string;
  readonly sizeBytes: number;
  readonly createdAt: Date;
}
