import { z } from 'zod';
import { idSchema } from '../ids.js';
import { cursor, nullable, several, wholeNumber } from './list-query.js';

const MOST_IDS = 100;

/** What of a list of files is asked for (wire section 6). `ids` stands alone: its answer is one page. */
export const FileListQuery = z
  .object({
    limit: wholeNumber(1, 1_000).optional(),
    page: cursor,
    scope_id: idSchema('session').optional(),
    ids: nullable(
      several(z.string().min(1).max(100))
        .transform((ids) => ids && [...new Set(ids)])
        .refine((ids) => ids === undefined || ids.length <= MOST_IDS, `must be at most ${MOST_IDS} ids`),
    ),
  })
  .refine((query) => query.ids === undefined || (query.page === undefined && query.limit === undefined), {
    path: ['ids'],
    message: 'cannot be given together with page or limit',
  });

/** What stands beside the file in the form of an upload. */
export const FileUploadFields = z.object({
  expires_in_seconds: wholeNumber(3_600, 7_776_000).optional(),
});

export type FileListQuery = z.output<typeof FileListQuery>;
