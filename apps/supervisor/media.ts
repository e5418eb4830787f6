import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { type MediaType, sniffMediaType } from '../../activities/sandbox/media-type.js';
import type { SandboxOutcome } from '../../activities/sandbox/supervisor-protocol.js';

type Block = SandboxOutcome['content'][number];

/** Largest image or PDF that is shown; base64 makes a third more of it. */
const MAX_MEDIA_BYTES = 3_750_000;

/** The file as an image or document block if its first bytes say that it is one, otherwise undefined. */
export async function readMedia(file: string): Promise<SandboxOutcome | undefined> {
  const stat = await fs.stat(file).catch(() => undefined);
  if (stat === undefined || !stat.isFile()) return undefined;
  const handle = await fs.open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const head = Buffer.alloc(12);
    await handle.read(head, 0, head.length, 0);
    const mediaType = sniffMediaType(head);
    if (mediaType === undefined) return undefined;
    if (stat.size > MAX_MEDIA_BYTES) {
      throw new Error(`read: ${file} is ${stat.size} bytes of ${mediaType}; at most ${MAX_MEDIA_BYTES} can be shown. Make a smaller copy.`);
    }
    const data = (await handle.readFile()).toString('base64');
    return { status: 'completed', content: [block(mediaType, data)], is_error: false };
  } finally {
    await handle.close();
  }
}

const block = (mediaType: MediaType, data: string): Block =>
  mediaType === 'application/pdf'
    ? { type: 'document', source: { type: 'base64', media_type: mediaType, data } }
    : { type: 'image', source: { type: 'base64', media_type: mediaType, data } };
