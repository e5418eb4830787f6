import type { SessionRef } from '../../workflows/contract/activities.js';

/** The bytes of one of the files that were looked up. */
export type OpenFile = (fileId: string) => Promise<AsyncIterable<Uint8Array>>;

/** What a session's resources are made of, where it is kept. Errors: `service.unavailable` while that is away. */
export interface SessionContent {
  /** Looks files up, and gives their bytes one by one when asked. Errors, then: `file.not_found`, `file.expired`. */
  findFiles(ref: SessionRef, fileIds: readonly string[]): Promise<OpenFile>;
  /** The archive of a skill's version: tar.gz with one directory at its top. Errors: `skill.not_found`. */
  openSkill(ref: SessionRef, skillId: string, versionId: string): Promise<AsyncIterable<Uint8Array>>;
  /** The token of a repository, if it has one. Errors: `secret.unreadable`. */
  openToken(ref: SessionRef, resourceId: string): Promise<string | undefined>;
}
