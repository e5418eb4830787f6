import { RondoError } from '../../workflows/contract/errors.js';
import { hasBytes, LARGEST_IN_MESSAGE } from '../../workflows/contract/file-content.js';
import type { FileRecord } from '../../workflows/contract/file-records.js';
import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import type { LockedSession } from './store.port.js';

const MOST_FILES = 100;

const SHOWN: Readonly<Record<'image' | 'document', { readonly accepts: (mimeType: string) => boolean; readonly accepted: string }>> = {
  image: { accepts: (type) => ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].includes(type), accepted: 'a JPEG, PNG, GIF or WebP image' },
  document: {
    accepts: (type) => type === 'application/pdf' || type.startsWith('text/') || /^application\/(json|jsonl|xml|yaml|x-ipynb\+json|octet-stream)$/.test(type),
    accepted: 'a PDF or a text',
  },
};

/**
 * Checks the files that content refers to. The log keeps the reference, and the bytes are read for each model request, so what
 * no model could be given must not get there. Errors: `file.not_found`, `file.expired`, `request.invalid`.
 */
export async function checkFiles(session: LockedSession, content: readonly ResultBlock[]): Promise<void> {
  const references = content.flatMap((block, index) =>
    (block.type === 'image' || block.type === 'document') && block.source.type === 'file'
      ? [{ type: block.type, field: `content[${index}].source.file_id`, fileId: block.source.file_id }]
      : [],
  );
  if (references.length > MOST_FILES)
    throw new RondoError('request.invalid', `content: refers to ${references.length} files; at most ${MOST_FILES} are accepted.`);
  for (const { type, field, fileId } of references) {
    const file = await session.findFile(fileId);
    if (!file || !isWithin(file, session.record.id)) {
      throw new RondoError(
        'file.not_found',
        `${field}: file ${JSON.stringify(fileId.slice(0, 100))} does not exist in this workspace, or belongs to another session.`,
      );
    }
    if (!hasBytes(file, new Date())) {
      throw new RondoError('file.expired', `${field}: file ${file.id} has expired; upload it again.`, { details: { error_code: 'file_expired' } });
    }
    const { accepts, accepted } = SHOWN[type];
    if (!accepts(file.mimeType))
      throw new RondoError('request.invalid', `${field}: file ${file.id} is ${file.mimeType}; a block of type ${type} takes ${accepted}.`);
    if (file.sizeBytes > LARGEST_IN_MESSAGE) {
      throw new RondoError(
        'request.invalid',
        `${field}: file ${file.id} has ${file.sizeBytes} bytes; a message takes at most ${LARGEST_IN_MESSAGE}. Attach it as a resource.`,
      );
    }
  }
}

/** A file of the workspace, or of this very session. */
const isWithin = (file: Pick<FileRecord, 'sessionId'>, sessionId: string): boolean => file.sessionId === null || file.sessionId === sessionId;
