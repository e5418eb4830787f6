import { describe, expect, it } from 'vitest';
import type { ModelReply } from './model.port.js';
import { createOpenAiReader } from './openai-chunks.js';

const chunk = (delta: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason }] });
const call = (fields: object) => chunk({ tool_calls: [fields] });

function read(chunks: readonly unknown[], isDone = true) {
  const reader = createOpenAiReader();
  const parts = chunks.flatMap((one) => reader.take(one));
  return { parts, reply: reader.finish(isDone) };
}

function replyTo(chunks: readonly unknown[]): ModelReply {
  const { reply } = read(chunks);
  if (reply === undefined) throw new Error('There is no reply.');
  return reply;
}

describe('createOpenAiReader', () => {
  it('puts calls together whose arguments come interleaved', () => {
    const { content, stop } = replyTo([
      call({ index: 0, id: 'call_a', function: { name: 'bash', arguments: '' } }),
      call({ index: 1, id: 'call_b', function: { name: 'read', arguments: '{"file' } }),
      call({ index: 0, function: { arguments: '{"command":' } }),
      call({ index: 1, function: { arguments: '_path":"/a"}' } }),
      call({ index: 0, function: { arguments: '"ls"}' } }),
      chunk({}, 'tool_calls'),
    ]);
    expect(content).toEqual([
      { type: 'tool_use', id: 'call_a', name: 'bash', input: { command: 'ls' } },
      { type: 'tool_use', id: 'call_b', name: 'read', input: { file_path: '/a' } },
    ]);
    expect(stop).toBe('tool_use');
  });

  it('takes whole calls at once, without index and id, and gives them ids of its own', () => {
    const calls = [{ function: { name: 'bash', arguments: '{"command":"a"}' } }, { function: { name: 'bash', arguments: '{"command":"b"}' } }];
    expect(replyTo([chunk({ tool_calls: calls }, 'stop')])).toMatchObject({
      content: [
        { id: 'call_0', input: { command: 'a' } },
        { id: 'call_1', input: { command: 'b' } },
      ],
      stop: 'tool_use',
    });
  });

  it('tells several whole calls under one index apart by their ids', () => {
    const calls = ['x', 'y'].map((id) => call({ index: 0, id, function: { name: 'bash', arguments: `{"command":"${id}"}` } }));
    expect(replyTo(calls).content).toMatchObject([
      { id: 'x', input: { command: 'x' } },
      { id: 'y', input: { command: 'y' } },
    ]);
  });

  it('keeps one call together whose every fragment repeats id and name', () => {
    const fragment = (text: string) => call({ index: 0, id: 'call_1', function: { name: 'bash', arguments: text } });
    expect(replyTo([fragment('{"command"'), fragment(':"ls"}')]).content).toEqual([{ type: 'tool_use', id: 'call_1', name: 'bash', input: { command: 'ls' } }]);
  });

  it('makes ids unique within a reply', () => {
    const calls = [0, 1].map((index) => call({ index, id: 'same', function: { name: 'bash', arguments: '{}' } }));
    expect(replyTo(calls).content).toMatchObject([{ id: 'same' }, { id: 'call_1' }]);
  });

  it('takes arguments that are an object instead of text, and none at all', () => {
    const calls = [
      call({ index: 0, id: 'a', function: { name: 'bash', arguments: { command: 'ls' } } }),
      call({ index: 1, id: 'b', function: { name: 'list' } }),
    ];
    expect(replyTo(calls).content).toMatchObject([{ input: { command: 'ls' } }, { input: {} }]);
  });

  it('takes null contents, empty choices, missing usage and reasoning as signs of life', () => {
    const { parts, reply } = read([
      chunk({ role: 'assistant', content: null, tool_calls: null }),
      { choices: [] },
      {},
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'Hi' }),
      chunk({}, 'stop'),
    ]);
    expect(parts.map(({ type }) => type)).toEqual(['activity', 'activity', 'activity', 'activity', 'text_start', 'text_delta', 'activity']);
    expect(reply).toEqual({
      content: [{ type: 'text', text: 'Hi' }],
      stop: 'end_turn',
      usage: { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 },
    });
  });

  it('counts cached tokens apart, from the last usage that was sent', () => {
    const usage = (completion_tokens: number) => ({
      choices: [],
      usage: { prompt_tokens: 100, completion_tokens, prompt_tokens_details: { cached_tokens: 60 } },
    });
    expect(replyTo([chunk({ content: 'x' }), usage(1), chunk({}, 'stop'), usage(7)]).usage).toEqual({
      inputTokens: 40,
      outputTokens: 7,
      cacheReadInputTokens: 60,
      cacheCreationInputTokens: 0,
    });
  });

  it.each([
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['tool_calls', 'end_turn'],
    ['eos', 'end_turn'],
  ])('maps the finish reason %s of a text to %s', (reason, expected) => {
    expect(replyTo([chunk({ content: 'x' }, reason)]).stop).toBe(expected);
  });

  it('takes a refusal as text and stop', () => {
    expect(replyTo([chunk({ refusal: 'I cannot ' }), chunk({ refusal: 'do that.' }, 'stop')])).toMatchObject({
      content: [{ type: 'text', text: 'I cannot do that.' }],
      stop: 'refusal',
    });
  });

  it('takes text that comes as a list of parts', () => {
    const parts = [
      { type: 'thinking', thinking: [] },
      { type: 'text', text: 'Hi' },
    ];
    expect(replyTo([chunk({ content: parts }, 'stop')]).content).toEqual([{ type: 'text', text: 'Hi' }]);
  });

  it('takes a whole completion in one document', () => {
    const document = { choices: [{ message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 1 } };
    expect(replyTo([document])).toMatchObject({ content: [{ type: 'text', text: 'Hi' }], usage: { inputTokens: 3, outputTokens: 1 } });
  });

  it('has no reply where the stream broke off, and one where only the finish reason is missing', () => {
    expect(read([chunk({ content: 'half' })], false).reply).toBeUndefined();
    expect(read([chunk({ content: 'whole' })], true).reply).toMatchObject({ stop: 'end_turn' });
  });

  it('refuses a chunk that breaks the protocol', () => {
    expect(() => read([{ choices: 'none' }])).toThrow(expect.objectContaining({ code: 'model.unavailable' }));
  });
});
