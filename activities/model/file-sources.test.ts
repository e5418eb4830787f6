import { expect, it, vi } from 'vitest';
import { resolveFiles } from './file-sources.js';
import type { ModelMessage } from './model.port.js';

const PNG = Buffer.from('\x89PNG\r\n\x1a\n and the rest', 'latin1');
const PDF = Buffer.from('%PDF-1.7 and the rest');

const image = (fileId: string) => ({ type: 'image' as const, source: { type: 'file' as const, file_id: fileId } });
const document = (fileId: string) => ({ type: 'document' as const, source: { type: 'file' as const, file_id: fileId }, title: 'The title' });
const user = (...content: ModelMessage['content']): ModelMessage => ({ role: 'user', content });
const reading = (files: Record<string, Uint8Array>) =>
  vi.fn(async (fileId: string, maximumBytes: number) => {
    const bytes = files[fileId];
    return bytes && bytes.byteLength > maximumBytes ? ('too_large' as const) : bytes;
  });

it('leaves messages without files as they are', async () => {
  const messages = [user({ type: 'text', text: 'hello' })];
  const read = reading({});
  expect(await resolveFiles(messages, read)).toBe(messages);
  expect(read).not.toHaveBeenCalled();
});

it('puts the content of files in their place, in results too', async () => {
  const result = { type: 'tool_result' as const, tool_use_id: 'sevt_1', is_error: false, content: [document('file_pdf')] };
  const messages = [user(result, image('file_png'), document('file_text'), { type: 'text', text: 'Look.' })];
  const [resolved] = await resolveFiles(messages, reading({ file_png: PNG, file_pdf: PDF, file_text: Buffer.from('Grüße') }));
  expect(resolved?.content).toEqual([
    { ...result, content: [{ type: 'document', title: 'The title', source: { type: 'base64', media_type: 'application/pdf', data: PDF.toString('base64') } }] },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG.toString('base64') } },
    { type: 'document', title: 'The title', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } },
    { type: 'text', text: 'Look.' },
  ]);
});

it.each([
  ['a text as an image', image('file_1'), Buffer.from('<svg/>'), 'not an image'],
  ['a PDF as an image', image('file_1'), PDF, 'not an image'],
  ['an image as a document', document('file_1'), PNG, 'neither a PDF nor a text'],
  ['bytes that are no text', document('file_1'), Buffer.from([0xff, 0xfe, 0x00]), 'neither a PDF nor a text'],
  ['a text with NUL', document('file_1'), Buffer.from('a\0b'), 'neither a PDF nor a text'],
  ['a text without end', document('file_1'), Buffer.alloc(2_000_001, 'x'), 'neither a PDF nor a text'],
  ['a file that is gone', image('file_1'), undefined, 'not available'],
  ['a file that has grown', image('file_1'), Buffer.concat([PNG, Buffer.alloc(10_500_000)]), 'too large'],
])('says of %s that it cannot be shown', async (_case, block, bytes, said) => {
  const [resolved] = await resolveFiles([user(block)], reading(bytes ? { file_1: bytes } : {}));
  expect(resolved?.content).toEqual([{ type: 'text', text: expect.stringMatching(new RegExp(`file_1 .*${said}`)) }]);
});

it('an empty text is said to be one', async () => {
  const [resolved] = await resolveFiles([user(document('file_1'))], reading({ file_1: Buffer.alloc(0) }));
  expect(resolved?.content[0]).toMatchObject({ source: { data: '(empty file)' } });
});

it('shows the latest files where all are too large together, and reads each once', async () => {
  const large = Buffer.concat([PNG, Buffer.alloc(9_000_000)]);
  const read = reading({ file_1: large, file_2: large, file_3: PNG });
  const messages = [user(image('file_1')), user(image('file_2')), user(image('file_2')), user(image('file_3'), image('file_3'))];
  const resolved = await resolveFiles(messages, read);
  expect(resolved.map(({ content }) => content.map(({ type }) => type))).toEqual([['text'], ['text'], ['image'], ['image', 'image']]);
  expect(resolved[0]?.content[0]).toMatchObject({ text: expect.stringContaining('left out') });
  expect(read.mock.calls.map(([fileId]) => fileId)).toEqual(['file_3', 'file_2', 'file_1']);
});
