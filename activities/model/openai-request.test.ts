import { describe, expect, it } from 'vitest';
import type { ModelBlock, ModelMessage } from './model.port.js';
import { toOpenAiRequest } from './openai-request.js';

const bodyOf = (messages: readonly ModelMessage[]) => toOpenAiRequest({ model: 'm', messages, tools: [], maxOutputTokens: 9 }, 'max_tokens');
const messagesOf = (messages: readonly ModelMessage[]) => bodyOf(messages).messages;
const user = (...content: ModelBlock[]): ModelMessage => ({ role: 'user', content });
const assistant = (...content: ModelBlock[]): ModelMessage => ({ role: 'assistant', content });
const text = (words: string) => ({ type: 'text', text: words }) as const;
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } } as const;

describe('toOpenAiRequest', () => {
  it('puts the results of a step right behind their calls, then their images, then what the user added', () => {
    const messages = messagesOf([
      assistant(
        text('Looking.'),
        { type: 'tool_use', id: 'a', name: 'read', input: { file_path: '/a' } },
        { type: 'tool_use', id: 'b', name: 'bash', input: {} },
      ),
      user(
        { type: 'tool_result', tool_use_id: 'a', content: [text('a picture'), image], is_error: false },
        { type: 'tool_result', tool_use_id: 'b', content: [text('exit 1')], is_error: true },
        text('And hurry.'),
      ),
    ]);
    expect(messages).toEqual([
      {
        role: 'assistant',
        content: 'Looking.',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'read', arguments: '{"file_path":"/a"}' } },
          { id: 'b', type: 'function', function: { name: 'bash', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: expect.stringContaining('a picture') },
      { role: 'tool', tool_call_id: 'b', content: 'The tool call failed:\nexit 1' },
      {
        role: 'user',
        content: [text('Images in the result of tool call a:'), { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }, text('And hurry.')],
      },
    ]);
  });

  it('sends null beside calls without text, and leaves a message out that has neither', () => {
    const call: ModelBlock = { type: 'tool_use', id: 'a', name: 'bash', input: {} };
    const thinking: ModelBlock = { type: 'thinking', thinking: 'hm', signature: 's' };
    expect(messagesOf([assistant(thinking), assistant(thinking, call)])).toMatchObject([{ role: 'assistant', content: null }]);
  });

  it('sends a lone text as a plain string', () => {
    expect(messagesOf([user(text('Hello'))])).toEqual([{ role: 'user', content: 'Hello' }]);
  });

  it('says that a result is empty, since an empty message is refused by some servers', () => {
    expect(messagesOf([user({ type: 'tool_result', tool_use_id: 'a', content: [], is_error: false })])).toMatchObject([{ content: '(no output)' }]);
  });

  it.each([
    ['a PDF', { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }],
    ['a linked document', { type: 'url', url: 'https://example.com/a.pdf' }],
  ] as const)('refuses %s, naming the block', (_, source) => {
    expect(() => bodyOf([user({ type: 'document', source })])).toThrow(
      expect.objectContaining({ code: 'model.request_failed', message: expect.stringContaining('type document') }),
    );
  });

  it('names the output limit as the server wants it', () => {
    const request = { model: 'm', messages: [user(text('Hi'))], tools: [], maxOutputTokens: 9 };
    expect(toOpenAiRequest(request, 'max_tokens')).toMatchObject({ max_tokens: 9 });
    expect(toOpenAiRequest(request, 'max_completion_tokens')).toMatchObject({ max_completion_tokens: 9 });
    expect(toOpenAiRequest(request, 'max_completion_tokens')).not.toHaveProperty('max_tokens');
  });
});
