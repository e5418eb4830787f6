import { z } from 'zod';

const imageMediaType = z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

/** Characters. What is in the log is sent to the model at every step, so one block must not be without bounds. */
const LONGEST_TEXT = 2_000_000;
const LONGEST_DATA = 14_000_000;

const FILE = 'file of the workspace or of this session, at most 10,500,000 bytes. It is read anew for each model request.';

const base64 = z
  .string()
  .min(1)
  .max(LONGEST_DATA)
  .refine((data) => data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data), 'must be base64 (RFC 4648, with padding)')
  .describe('The bytes in base64 (RFC 4648), with padding.');

const url = z.url().describe('An address that is handed to the provider of the model as it is.');

export const TextBlock = z.object({ type: z.literal('text'), text: z.string().max(LONGEST_TEXT).describe('Plain text.') });

const ImageBlock = z.object({
  type: z.literal('image'),
  source: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('base64'), media_type: imageMediaType.describe('What the bytes are.'), data: base64 }),
      z.object({ type: z.literal('url'), url }),
      z.object({ type: z.literal('file'), file_id: z.string().min(1).describe(`A JPEG, PNG, GIF or WebP ${FILE}`) }),
    ])
    .describe('Where the image comes from.'),
});

const DocumentBlock = z.object({
  type: z.literal('document'),
  source: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: base64 }),
      z.object({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string().max(LONGEST_TEXT).describe('The text itself.') }),
      z.object({ type: z.literal('url'), url }),
      z.object({ type: z.literal('file'), file_id: z.string().min(1).describe(`A PDF or text ${FILE}`) }),
    ])
    .describe('Where the document comes from. Over the OpenAI protocol models take text only.'),
  title: z.string().nullish().describe('Shown to the model with the document.'),
  context: z.string().nullish().describe('What else the model should know of the document, shown with it.'),
});

/** Content a caller may send in a message (wire section 3.2, "Blocks"). */
export const InputBlock = z.discriminatedUnion('type', [TextBlock, ImageBlock, DocumentBlock]);

const SearchResultBlock = z.object({
  type: z.literal('search_result'),
  source: z.string().describe('Where it was found, for example an address.'),
  title: z.string().describe('Shown to the model with the text.'),
  content: z.array(TextBlock).describe('What was found.'),
  citations: z
    .object({ enabled: z.boolean().describe('Whether the model may cite this result.') })
    .optional()
    .describe('Passed on to a provider that knows citations.'),
});

/** Content a tool result may carry. */
export const ResultBlock = z.discriminatedUnion('type', [TextBlock, ImageBlock, DocumentBlock, SearchResultBlock]);

export type TextBlock = z.infer<typeof TextBlock>;
export type ImageBlock = z.infer<typeof ImageBlock>;
export type DocumentBlock = z.infer<typeof DocumentBlock>;
export type InputBlock = z.infer<typeof InputBlock>;
export type ResultBlock = z.infer<typeof ResultBlock>;
