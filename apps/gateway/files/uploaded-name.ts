import { RondoError } from '../../../workflows/contract/errors.js';
import { extensionOf, mimeTypeOf, UNKNOWN_TYPE } from '../../../workflows/contract/media-types.js';

const LONGEST_NAME = 255;
const MIME_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/;

/**
 * The name and type a file is kept under: the last component of what was sent, as a name without a place; the type the sender
 * stated, else the one its name promises. Errors: `request.invalid` for a name of more than 255 characters.
 */
export function nameUpload(sent: { readonly filename: string; readonly mimeType: string }): { readonly filename: string; readonly mimeType: string } {
  const last = (sent.filename.split(/[\\/]/).at(-1) ?? '')
    .toWellFormed()
    .replace(/\p{Cc}/gu, '_')
    .trim();
  if (last.length > LONGEST_NAME) throw new RondoError('request.invalid', `file: its filename is longer than ${LONGEST_NAME} characters.`);
  const stated = sent.mimeType.toLowerCase();
  const mimeType = MIME_TYPE.test(stated) && stated !== UNKNOWN_TYPE ? stated : mimeTypeOf(last);
  const named = last !== '' && last !== '.' && last !== '..';
  return { filename: named ? last : `unnamed${extensionOf(mimeType)}`, mimeType };
}
