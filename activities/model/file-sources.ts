import type { SessionRef } from '../../workflows/contract/activities.js';
import { LARGEST_IN_MESSAGE, LONGEST_TEXT_IN_MESSAGE } from '../../workflows/contract/file-content.js';
import type { DocumentBlock, ImageBlock, ResultBlock, TextBlock } from '../../workflows/contract/schema/content.js';
import { sniffMediaType } from '../sandbox/media-type.js';
import type { ModelBlock, ModelMessage } from './model.port.js';

/** The bytes of a file that a session may see; `undefined` where it is gone or expired. What is larger than asked for is not read. */
export type ReadFile = (ref: SessionRef, fileId: string, maximumBytes: number) => Promise<Uint8Array | 'too_large' | undefined>;

/** Characters of data in one request, below what providers take; files said earlier in the conversation make room for later ones. */
const MOST_DATA = 24_000_000;

type FileBlock = (ImageBlock | DocumentBlock) & { readonly source: { readonly type: 'file' } };
type Shown = ImageBlock | DocumentBlock | TextBlock;

/**
 * The messages with the content of the files they refer to. What a file is, its bytes say, not its name or sender: a provider
 * refuses every later request of a session that holds a broken image. A file that cannot be shown becomes a word about it.
 * Errors: `service.unavailable`.
 */
export async function resolveFiles(
  messages: readonly ModelMessage[],
  read: (fileId: string, maximumBytes: number) => ReturnType<ReadFile>,
): Promise<readonly ModelMessage[]> {
  const blocks = messages.flatMap(({ content }) => content.flatMap(fileBlocksOf));
  if (blocks.length === 0) return messages;
  const shown = new Map<FileBlock, Shown>();
  const files = new Map<string, Awaited<ReturnType<ReadFile>>>();
  let room = MOST_DATA;
  for (const block of blocks.toReversed()) {
    const { file_id: fileId } = block.source;
    if (!files.has(fileId)) files.set(fileId, await read(fileId, Math.min(LARGEST_IN_MESSAGE, room)));
    const bytes = files.get(fileId);
    const resolved = bytes === 'too_large' ? undefined : show(block, bytes);
    const size = resolved ? dataOf(resolved).length : 0;
    const fitting = size <= room ? resolved : undefined;
    shown.set(block, fitting ?? note(fileId, 'is left out: it is too large, or the files of this conversation are together'));
    if (fitting) room -= size;
  }
  const replace = <Block extends ModelBlock | ResultBlock>(block: Block): Block | Shown => (isFileBlock(block) ? (shown.get(block) ?? block) : block);
  return messages.map((message) => ({
    ...message,
    content: message.content.map((block) => (block.type === 'tool_result' ? { ...block, content: block.content.map(replace) } : replace(block))),
  }));
}

const fileBlocksOf = (block: ModelBlock): FileBlock[] => (block.type === 'tool_result' ? block.content.filter(isFileBlock) : isFileBlock(block) ? [block] : []);

const isFileBlock = (block: ModelBlock | ResultBlock): block is FileBlock =>
  (block.type === 'image' || block.type === 'document') && block.source.type === 'file';

function show(block: FileBlock, bytes: Uint8Array | undefined): Shown {
  const { file_id: fileId } = block.source;
  if (!bytes) return note(fileId, 'is not available any more');
  const mediaType = sniffMediaType(bytes);
  const data = () => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  if (block.type === 'image') {
    if (mediaType === undefined || mediaType === 'application/pdf') return note(fileId, 'is not an image that can be shown');
    return { type: 'image', source: { type: 'base64', media_type: mediaType, data: data() } };
  }
  if (mediaType === 'application/pdf') return { ...block, source: { type: 'base64', media_type: mediaType, data: data() } };
  const text = mediaType === undefined ? textOf(bytes) : undefined;
  if (text === undefined) return note(fileId, 'is neither a PDF nor a text');
  return { ...block, source: { type: 'text', media_type: 'text/plain', data: text } };
}

/** A provider refuses an empty text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.length > LONGEST_TEXT_IN_MESSAGE || text.includes('\0') ? undefined : text || '(empty file)';
  } catch {
    return undefined;
  }
}

const note = (fileId: string, what: string): TextBlock => ({ type: 'text', text: `(File ${fileId} ${what}.)` });

function dataOf(block: Shown): string {
  if (block.type === 'text') return block.text;
  return 'data' in block.source ? block.source.data : '';
}
