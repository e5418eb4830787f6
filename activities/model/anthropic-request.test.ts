import { describe, expect, it } from 'vitest';
import { toAnthropicRequest } from './anthropic-request.js';
import type { ModelMessage, ModelRequest } from './model.port.js';

const says = (text: string): ModelMessage => ({ role: 'user', content: [{ type: 'text', text }] });

const aTool = (name: string) => ({ name, description: name, input_schema: { type: 'object' } });

function aRequest(change: Partial<ModelRequest>): ModelRequest {
  return { model: 'claude-x', messages: [says('Hello')], tools: [], maxOutputTokens: 100, ...change };
}

const breakpoints = (value: unknown): number => JSON.stringify(value).split('"cache_control"').length - 1;

describe('toAnthropicRequest', () => {
  it('asks for caching of the tools, the system prompt and the last two user messages, whatever the length', () => {
    const messages = Array.from({ length: 9 }, (_, index): ModelMessage => ({ ...says(`message ${index}`), role: index % 2 === 0 ? 'user' : 'assistant' }));
    const body = toAnthropicRequest(aRequest({ system: 'Be brief.', tools: [aTool('bash'), aTool('read')], messages }));
    expect(body.tools?.map(breakpoints)).toEqual([0, 1]);
    expect(breakpoints(body.system)).toBe(1);
    expect(body.messages.map(breakpoints)).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 1]);
    expect(breakpoints(body)).toBe(4);
  });

  it('marks only the last block of a message', () => {
    const content = [1, 2, 3].map((number) => ({ type: 'tool_result', tool_use_id: `sevt_${number}`, content: [], is_error: false }) as const);
    expect(toAnthropicRequest(aRequest({ messages: [{ role: 'user', content }] })).messages[0]?.content.map(breakpoints)).toEqual([0, 0, 1]);
  });

  it('leaves out what was not given', () => {
    expect(Object.keys(toAnthropicRequest(aRequest({}))).sort()).toEqual(['max_tokens', 'messages', 'model', 'stream']);
  });

  it('maps effort to the output configuration', () => {
    expect(toAnthropicRequest(aRequest({ effort: 'xhigh' })).output_config).toEqual({ effort: 'xhigh' });
  });

  it('gives thinking back as it was signed', () => {
    const thinking = { type: 'thinking', thinking: 'Let me see.', signature: 'c2ln' } as const;
    const redacted = { type: 'redacted_thinking', data: 'ZGF0YQ' } as const;
    const messages: ModelMessage[] = [says('Hi'), { role: 'assistant', content: [thinking, redacted, { type: 'text', text: 'Hello' }] }, says('More')];
    expect(toAnthropicRequest(aRequest({ messages })).messages[1]?.content).toEqual([thinking, redacted, { type: 'text', text: 'Hello' }]);
  });

  it.each([['{"comm'], [null], [[1]]])('wraps the tool input %j, which the API would refuse', (input) => {
    const messages: ModelMessage[] = [{ role: 'assistant', content: [{ type: 'tool_use', id: 'sevt_1', name: 'bash', input }] }];
    expect(toAnthropicRequest(aRequest({ messages })).messages[0]?.content[0]).toMatchObject({ input: { unparsed: input } });
  });
});
