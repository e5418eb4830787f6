import type { FileRecord } from './file-records.js';

/** Bytes of a file that a message may refer to: in base64 it is as long as the longest data a block may hold. */
export const LARGEST_IN_MESSAGE = 10_500_000;

/** Characters of a text that a message may refer to. */
export const LONGEST_TEXT_IN_MESSAGE = 2_000_000;

/** Whether a file's bytes can still be had: those of an expired one cannot, also before they are cleaned away. */
export const hasBytes = <File extends Pick<FileRecord, 'blobKey' | 'expiresAt'>>(file: File, now: Date): file is File & { readonly blobKey: string } =>
  file.blobKey !== null && (file.expiresAt === null || file.expiresAt > now);
