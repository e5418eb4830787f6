import { describe, expect, it } from 'vitest';
import type { ModelPort } from './model.port.js';
import { createModels } from './select-model.js';

const aPort = (): ModelPort => ({
  async *stream() {
    yield { type: 'activity' };
  },
});

describe('createModels', () => {
  it('gives the port of the provider and the id as it knows it', () => {
    const [anthropic, openai, rehearsal] = [aPort(), aPort(), aPort()];
    const select = createModels({ anthropic, openai, rehearsal });
    expect(select('claude-sonnet-5')).toEqual({ port: anthropic, model: 'claude-sonnet-5' });
    expect(select('claude-sonnet-5').port).toBe(anthropic);
    expect(select('openai/qwen/qwen3').port).toBe(openai);
    expect(select('rehearsal/demo').port).toBe(rehearsal);
  });

  it.each([
    ['claude-sonnet-5', 'ANTHROPIC_API_KEY'],
    ['openai/gpt-6', 'OPENAI_API_KEY'],
    ['openai/gpt-6', 'OPENAI_BASE_URL'],
    ['rehearsal/demo', 'RONDO_REHEARSAL_URL'],
  ])('names, for %s without its provider, the variable %s', (id, variable) => {
    expect(() => createModels({})(id)).toThrow(expect.objectContaining({ code: 'model.unknown', message: expect.stringContaining(variable) }));
  });

  it('refuses an id of no known form', () => {
    expect(() => createModels({ anthropic: aPort() })('gpt-6')).toThrow(expect.objectContaining({ code: 'model.unknown' }));
  });
});
