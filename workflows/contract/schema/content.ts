import { z } from 'zod';

const imageMediaType = z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

/** Characters. What is in the log is sent to the model at every step, so one block must not be without bounds. */
const LONGEST_TEXT = 2_000_000;
const LONGEST_DATA = 14_000_000;

const base64 = z
  .string()
  .min(1)
  .max(LONGEST_DATA)
  .refine((data) => data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data), 'must be base64 (RFC 4648, with padding)');

export const TextBlock = z.object({ type: z.literal('text'), text: z.string().max(LONGEST_TEXT) });

const ImageBlock = z.object({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('base64'), media_type: imageMediaType, data: base64 }),
    z.object({ type: z.literal('url'), url: z.url() }),
    z.object({ type: z.literal('file'), file_id: z.string().min(1) }),
  ]),
});

const DocumentBlock = z.object({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.object({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: base64 }),
    z.object({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string().max(LONGEST_TEXT) }),
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
