import type { SessionRef } from '../../workflows/contract/activities.js';

/** What a session's resources are made of, where it is kept. Errors: `service.unavailable` while that is away. */
export interface SessionContent {
  /** The bytes of a file. Errors: `file.not_found`, `file.expired`. */
  openFile(ref: SessionRef, fileId: string): Promise<AsyncIterable<Uint8Array>>;
  /** The archive of a skill's version: tar.gz with one directory at its top. Errors: `skill.not_found`. */
  openSkill(ref: SessionRef, skillId: string, versionId: string): Promise<AsyncIterable<Uint8Array>>;
  /** The token of a repository, if it has one. Errors: `secret.unreadable`. */
  openToken(ref: SessionRef, resourceId: string): Promise<string | undefined>;
}
