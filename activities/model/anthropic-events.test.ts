import { describe, expect, it } from 'vitest';
import { createAnthropicReader } from './anthropic-events.js';

function read(events: readonly unknown[]) {
  const reader = createAnthropicReader();
  const parts = events.flatMap((event) => reader.take(event));
  return { parts, reply: reader.reply() };
}

const start = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block });
const delta = (index: number, change: object) => ({ type: 'content_block_delta', index, delta: change });
const stop = { type: 'message_stop' };

describe('createAnthropicReader', () => {
  it('keeps thinking and its signature, and tells of it without its text', () => {
    const { parts, reply } = read([
      start(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'Let me ' }),
      delta(0, { type: 'thinking_delta', thinking: 'see.' }),
      delta(0, { type: 'signature_delta', signature: 'c2ln' }),
      start(1, { type: 'redacted_thinking', data: 'ZGF0YQ' }),
      start(2, { type: 'text', text: '' }),
      delta(2, { type: 'text_delta', text: 'Hi' }),
      stop,
    ]);
    expect(reply?.content).toEqual([
      { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'ZGF0YQ' },
      { type: 'text', text: 'Hi' },
    ]);
    expect(parts.filter(({ type }) => type !== 'activity')).toEqual([
      { type: 'thinking_start', block: 0 },
      { type: 'thinking_start', block: 1 },
      { type: 'text_start', block: 2 },
      { type: 'text_delta', block: 2, text: 'Hi' },
    ]);
    expect(JSON.stringify(parts)).not.toContain('see');
  });

  it('takes every event and block that it does not know as a sign of life', () => {
    const { parts, reply } = read([
      { type: 'ping' },
      { type: 'from_the_future', x: 1 },
      start(0, { type: 'server_tool_use', id: 'x' }),
      delta(0, { type: 'citations_delta' }),
      stop,
    ]);
    expect(parts.every(({ type }) => type === 'activity')).toBe(true);
    expect(parts).toHaveLength(5);
    expect(reply?.content).toEqual([]);
  });

  it('leaves text blocks out that stay empty, and counts blocks as they stand in the reply', () => {
    const { parts, reply } = read([
      start(0, { type: 'text', text: '' }),
      start(1, { type: 'text', text: 'Be' }),
      delta(1, { type: 'text_delta', text: 'gun' }),
      stop,
    ]);
    expect(reply?.content).toEqual([{ type: 'text', text: 'Begun' }]);
    expect(parts).toContainEqual({ type: 'text_delta', block: 0, text: 'gun' });
  });

  it('takes a tool input that came whole with the beginning of its block', () => {
    const { reply } = read([start(0, { type: 'tool_use', id: 'toolu_1', name: 'bash', input: { command: 'ls' } }), stop]);
    expect(reply?.content).toEqual([{ type: 'tool_use', id: 'toolu_1', name: 'bash', input: { command: 'ls' } }]);
  });

  it('adds up usage from the beginning and the end, the later figure winning', () => {
    const { reply } = read([
      { type: 'message_start', message: { usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 3, output_tokens: 1 } } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 42, input_tokens: null } },
      stop,
    ]);
    expect(reply?.usage).toEqual({ inputTokens: 10, outputTokens: 42, cacheReadInputTokens: 5, cacheCreationInputTokens: 3 });
  });

  it.each([
    ['tool_use', 'tool_use'],
    ['stop_sequence', 'stop_sequence'],
    ['model_context_window_exceeded', 'max_tokens'],
    ['pause_turn', 'end_turn'],
    ['something_new', 'end_turn'],
  ])('maps the stop reason %s to %s', (stop_reason, expected) => {
    expect(read([{ type: 'message_delta', delta: { stop_reason } }, stop]).reply?.stop).toBe(expected);
  });

  it('has no reply before the message stops', () => {
    expect(read([start(0, { type: 'text', text: 'half' }), { type: 'message_delta', delta: { stop_reason: 'end_turn' } }]).reply).toBeUndefined();
  });

  it('refuses an event that breaks the protocol', () => {
    expect(() => read([{ type: 'content_block_delta', index: 'first' }])).toThrow(expect.objectContaining({ code: 'model.unavailable' }));
  });
});
