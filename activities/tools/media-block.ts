import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import { sniffMediaType } from '../sandbox/media-type.js';

/** Largest image or PDF that is shown, in bytes; base64 makes a third more of it. */
const MAX_MEDIA_BYTES = 3_750_000;

/**
 * An image or PDF as the model sees it, if its bytes are one and not too many. A provider refuses every later request of a
 * session that holds a broken one, so what the sender says does not count. Pure.
 */
export function toMediaBlock(bytes: Uint8Array): ResultBlock | undefined {
  const mediaType = sniffMediaType(bytes);
  if (mediaType === undefined || bytes.byteLength > MAX_MEDIA_BYTES) return undefined;
  const data = Buffer.from(bytes).toString('base64');
  return mediaType === 'application/pdf'
    ? { type: 'document', source: { type: 'base64', media_type: mediaType, data } }
    : { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
}
