import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import { toMediaBlock } from '../tools/media-block.js';
import type { McpResult } from './mcp.port.js';

type McpBlock = Readonly<Record<string, unknown>>;

/** Images and PDFs of one result that are shown. */
const MOST_MEDIA = 20;
const MOST_BLOCKS = 1_000;

/**
 * An MCP result as the wire's blocks: text, images, embedded resources as documents; what a model cannot be shown is named in
 * its place. Structured content counts where there is no text. Pure.
 */
export function toResultBlocks({ content, structuredContent }: McpResult): ResultBlock[] {
  let media = 0;
  const blocks = content.slice(0, MOST_BLOCKS).map((block): ResultBlock => {
    const result = toBlock(block);
    if (result.type === 'text' || (result.type === 'document' && result.source.type === 'text')) return result;
    media += 1;
    return media <= MOST_MEDIA ? result : note(`One more ${result.type} is left out: at most ${MOST_MEDIA} are shown.`);
  });
  if (content.length > MOST_BLOCKS) blocks.push(note(`${content.length - MOST_BLOCKS} more blocks are left out.`));
  const hasText = blocks.some((block) => block.type === 'text' && block.text.trim() !== '');
  if (!hasText && structuredContent !== undefined && structuredContent !== null) blocks.push({ type: 'text', text: JSON.stringify(structuredContent) });
  return blocks;
}

function toBlock(block: McpBlock): ResultBlock {
  switch (block['type']) {
    case 'text':
      return { type: 'text', text: textOf(block['text']) };
    case 'image':
      return toMedia(block['data']) ?? note(`An image (${textOf(block['mimeType'])}) is left out: it is no PNG, JPEG, GIF or WebP, or too large.`);
    case 'resource':
      return toResource((block['resource'] ?? {}) as McpBlock);
    case 'resource_link': {
      const { name, uri, mimeType, description } = block;
      return { type: 'text', text: [`Resource ${textOf(name)}: ${textOf(uri)}`, textOf(mimeType), textOf(description)].filter(Boolean).join('\n') };
    }
    default:
      return note(`A block of type ${JSON.stringify(textOf(block['type']).slice(0, 64))} is left out: it cannot be shown.`);
  }
}

function toResource(resource: McpBlock): ResultBlock {
  const uri = textOf(resource['uri']);
  if (typeof resource['text'] === 'string') {
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: resource['text'] }, ...(uri ? { title: uri } : {}) };
  }
  const shown = toMedia(resource['blob']);
  if (shown?.type === 'document' && uri) return { ...shown, title: uri };
  return (
    shown ?? note(`The resource ${uri} (${textOf(resource['mimeType'])}) is left out: it is neither text nor an image or PDF of a size that can be shown.`)
  );
}

const toMedia = (data: unknown): ResultBlock | undefined => (typeof data === 'string' ? toMediaBlock(Buffer.from(data, 'base64')) : undefined);

const note = (text: string): ResultBlock => ({ type: 'text', text: `[${text}]` });

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
