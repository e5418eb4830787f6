import { z } from 'zod';
import { hasBytes } from '../../../workflows/contract/file-content.js';
import type { FileRecord } from '../../../workflows/contract/file-records.js';

export const FileWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('file'),
    filename: z.string(),
    mime_type: z.string(),
    size_bytes: z.int(),
    downloadable: z.boolean(),
    scope: z.looseObject({ type: z.literal('session'), id: z.string() }).nullable(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'File' });

export const DeletedFileWire = z.looseObject({ id: z.string(), type: z.literal('file_deleted') });

/** A file's metadata (wire section 6). */
export const toFileWire = (file: FileRecord) => ({
  id: file.id,
  type: 'file' as const,
  filename: file.filename,
  mime_type: file.mimeType,
  size_bytes: file.sizeBytes,
  downloadable: hasBytes(file, new Date()),
  scope: file.sessionId === null ? null : { type: 'session' as const, id: file.sessionId },
  created_at: file.createdAt.toISOString(),
  expires_at: file.expiresAt?.toISOString() ?? null,
});
