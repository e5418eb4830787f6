import { describe, expect, it } from 'vitest';
import type { Message, ModelCall } from './conversation.js';
import { usageOf } from './usage.js';

const message = (role: 'user' | 'assistant', size: number, isCached = false): Message => ({ role, size, isCached, results: [], callIds: [] });

function aCall(messages: Message[], preamble = { size: 400, isCached: false }): ModelCall {
  return { model: 'x', isStream: true, messages, preamble };
}

describe('usageOf', () => {
  it('counts four characters as a token', () => {
    expect(usageOf(aCall([message('user', 40)]), 80)).toEqual({
      input_tokens: 110,
      output_tokens: 20,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
    });
  });

  it('writes the prompt to the cache at first, and reads there what an earlier request wrote', () => {
    const cached = { size: 400, isCached: true };
    expect(usageOf(aCall([message('user', 40, true)], cached), 4)).toMatchObject({ cache_read_input_tokens: 0, cache_creation_input_tokens: 110 });
    const later = [message('user', 40), message('assistant', 80), message('user', 200, true)];
    expect(usageOf(aCall(later, cached), 4)).toMatchObject({ cache_read_input_tokens: 110, cache_creation_input_tokens: 70, input_tokens: 1 });
  });

  it('lets a script name its own figures', () => {
    expect(usageOf(aCall([message('user', 40)]), 80, { output_tokens: 7 })).toMatchObject({ input_tokens: 110, output_tokens: 7 });
  });
});
