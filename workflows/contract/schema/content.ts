import { z } from 'zod';

const imageMediaType = z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

const TextBlock = z.object({ type: z.literal('text'), text: z.string() });

const ImageBlock = z.object({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('base64'), media_type: imageMediaType, data: z.string().min(1) }),
    z.object({ type: z.literal('url'), url: z.url() }),
    z.object({ type: z.literal('file'), file_id: z.string().min(1) }),
  ]),
});

const DocumentBlock = z.object({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: z.string().min(1) }),
    z.object({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
    z.object({ type: z.literal('url'), url: z.url() }),
    z.object({ type: z.literal('file'), file_id: z.string().min(1) }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
});

/** Content a caller may send in a message (wire section 3.2, "Blocks"). */
export const InputBlock = z.discriminatedUnion('type', [TextBlock, ImageBlock, DocumentBlock]);

const SearchResultBlock = z.object({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  content: z.array(TextBlock),
  citations: z.object({ enabled: z.boolean() }).optional(),
});

/** Content a tool result may carry. */
export const ResultBlock = z.discriminatedUnion('type', [TextBlock, ImageBlock, DocumentBlock, SearchResultBlock]);

export type TextBlock = z.infer<typeof TextBlock>;
export type ImageBlock = z.infer<typeof ImageBlock>;
export type DocumentBlock = z.infer<typeof DocumentBlock>;
export type InputBlock = z.infer<typeof InputBlock>;
export type ResultBlock = z.infer<typeof ResultBlock>;
