import { describe, expect, it } from 'vitest';
import { parseModelId } from './model-id.js';

describe('parseModelId', () => {
  it.each([
    ['claude-sonnet-5', { provider: 'anthropic', model: 'claude-sonnet-5' }],
    ['anthropic/my-gateway-model', { provider: 'anthropic', model: 'my-gateway-model' }],
    ['openai/gpt-6', { provider: 'openai', model: 'gpt-6' }],
    ['openai/meta-llama/Llama-4', { provider: 'openai', model: 'meta-llama/Llama-4' }],
    ['rehearsal/demo', { provider: 'rehearsal', model: 'demo' }],
  ])('takes %s apart', (id, expected) => {
    expect(parseModelId(id)).toEqual(expected);
  });

  it.each(['', 'gpt-6', 'claude-', 'openai/', '/x', 'google/gemini', 'openai/a b', 'claude-a b', 'constructor/x'])(
    'refuses %j and lists the accepted forms',
    (id) => {
      expect(() => parseModelId(id)).toThrow(expect.objectContaining({ code: 'model.unknown', message: expect.stringContaining('rehearsal/<script>') }));
    },
  );
});
