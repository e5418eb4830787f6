import * as z from 'zod/mini';

/**
 * The part of the supervisor's protocol that moves files: streams of bytes, cut into pieces of base64. Every stream has
 * its number within the connection. Who sends may have a window's worth of bytes on the way; who receives grants more as
 * it takes them, so neither side ever holds more than that, however large the file.
 */

/** Most bytes in one piece, before base64. */
export const PIECE_BYTES = 128 * 1024;

/** Most bytes of one stream that were sent and not taken yet. */
export const WINDOW_BYTES = 1024 * 1024;

/** Most files that one listing names, and most bytes of their names together. */
export const MAX_LISTED_FILES = 5_000;
export const MAX_LISTING_BYTES = 4 * 1024 * 1024;

/** Longest path within a listed directory, in bytes. */
export const MAX_LISTED_PATH_BYTES = 1024;

const transfer = z.int().check(z.minimum(1));
const absolutePath = z.string().check(z.minLength(2), z.maxLength(4096), z.startsWith('/'));
const bytes = z.int().check(z.minimum(0));
/** Base64; what is not is skipped by the decoder, and then the count of bytes is wrong. */
const piece = z.string().check(z.minLength(1), z.maxLength(Math.ceil(PIECE_BYTES / 3) * 4));

const Data = z.object({ type: z.literal('data'), transfer, data: piece });
const Credit = z.object({ type: z.literal('credit'), transfer, bytes });

export const FileRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('file_write'), transfer, path: absolutePath, mode: z.int().check(z.minimum(0), z.maximum(0o777)) }),
  /** The stream is a tar archive, whose names lose so many leading parts; the directory must not exist yet, or be empty. */
  z.object({ type: z.literal('file_extract'), transfer, directory: absolutePath, strip: z.int().check(z.minimum(0), z.maximum(1)) }),
  z.object({ type: z.literal('file_read'), transfer, path: absolutePath, maximum_bytes: bytes }),
  z.object({ type: z.literal('file_list'), transfer, directory: absolutePath }),
  z.object({ type: z.literal('file_stat'), transfer, path: absolutePath }),
  Data,
  Credit,
  /** The stream into the sandbox is whole. */
  z.object({ type: z.literal('end'), transfer }),
  z.object({ type: z.literal('abort'), transfer }),
]);

/**
 * `not_found`; `refused`: outside the directories that may be used, or not a regular file; `exists`: something is there
 * already; `too_large`; `failed`: the file system said no (full, for example); `busy`: too many streams at once.
 */
const refusalCode = z.enum(['not_found', 'refused', 'exists', 'too_large', 'failed', 'busy']);

/** A path below a listed directory: no way up, no way out. */
const relativePath = z.string().check(
  z.minLength(1),
  z.maxLength(MAX_LISTED_PATH_BYTES),
  z.refine((path) => !path.includes('\0') && path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')),
);

const ListedFile = z.object({ path: relativePath, size_bytes: bytes, modified_ms: z.number().check(z.minimum(0), z.maximum(8.64e15)) });

export const FileReply = z.discriminatedUnion('type', [
  Data,
  Credit,
  z.object({ type: z.literal('listing'), transfer, files: z.array(ListedFile).check(z.maxLength(MAX_LISTED_FILES)), truncated: z.boolean() }),
  z.object({ type: z.literal('stat'), transfer, kind: z.enum(['missing', 'file', 'directory', 'other']) }),
  /** The stream has ended as it should. `bytes`: what it carried. */
  z.object({ type: z.literal('done'), transfer, bytes }),
  z.object({ type: z.literal('refused'), transfer, code: refusalCode, message: z.string().check(z.maxLength(4096)) }),
]);

export type FileRequest = z.infer<typeof FileRequest>;
export type FileReply = z.infer<typeof FileReply>;
export type ListedFile = z.infer<typeof ListedFile>;
export type RefusalCode = z.infer<typeof refusalCode>;
export type PathKind = Extract<FileReply, { type: 'stat' }>['kind'];
