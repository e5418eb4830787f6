import { describe, expect, it } from 'vitest';
import { chooseReply } from './choose-reply.js';
import type { Position } from './conversation.js';
import { ScriptDocument, type ScriptInput } from './script.js';

function choose(script: ScriptInput, position: Partial<Position> = {}) {
  return chooseReply('mine', ScriptDocument.parse(script), { input: 'Hello', step: 1, lastResult: undefined, ...position });
}

const result = (text: string, isError = false) => ({ callId: 'a', text, isError });

describe('chooseReply', () => {
  it('takes the reply of the step', () => {
    const script = [{ text: 'one' }, { text: 'two' }];
    expect([1, 2].map((step) => choose(script, { step }).text)).toEqual(['one', 'two']);
  });

  it('says behind the last reply that the script is over and what it is', () => {
    expect(choose([{ text: 'one' }], { step: 2 }).text).toMatch(/mine has 1 replies.*request 2.*not a language model/);
  });

  it('begins again behind the last reply where the script loops', () => {
    const script: ScriptInput = { replies: [{ text: 'a {{step}}' }, { text: 'b {{step}}' }], after_last: 'loop' };
    expect([1, 2, 3, 4].map((step) => choose(script, { step }).text)).toEqual(['a 1', 'b 2', 'a 3', 'b 4']);
  });

  it('fills templates in texts and everywhere in tool inputs', () => {
    const reply = choose(
      [{ text: '{{input}} / {{ last_result }} / {{unknown}}', tool_calls: [{ name: 'bash', input: { a: ['{{step}}', { b: '{{input}}' }], n: 1 } }] }],
      {
        input: 'In "quotes"',
        lastResult: result('out'),
      },
    );
    expect(reply.text).toBe('In "quotes" / out / {{unknown}}');
    expect(reply.tool_calls).toEqual([{ name: 'bash', input: { a: ['1', { b: 'In "quotes"' }], n: 1 } }]);
  });

  it('does not fill in what a value brings with it', () => {
    expect(choose([{ text: '{{input}}' }], { input: '{{last_result}}', lastResult: result('secret') }).text).toBe('{{last_result}}');
  });

  it('takes the first rule that matches the input, with its groups, before the general replies', () => {
    const script: ScriptInput = {
      rules: [
        { match: '^run: (.+)$', replies: [{ text: 'Running {{1}}' }] },
        { match: '.', replies: [{ text: 'any' }] },
      ],
      replies: [{ text: 'general' }],
    };
    expect(choose(script, { input: 'run: ls\npwd' }).text).toBe('Running ls\npwd');
    expect(choose(script, { input: 'other' }).text).toBe('any');
    expect(choose(script, { input: '' }).text).toBe('general');
  });

  it('takes the first variant whose condition holds', () => {
    const script: ScriptInput = [
      [
        { when: { last_result_contains: 'Traceback', last_result_is_error: true }, text: 'both' },
        { when: { last_result_contains: 'Traceback' }, text: 'traceback' },
        { when: { last_result_is_error: true }, text: 'error' },
        { text: 'fine' },
      ],
    ];
    expect(choose(script, { lastResult: result('Traceback', true) }).text).toBe('both');
    expect(choose(script, { lastResult: result('Traceback') }).text).toBe('traceback');
    expect(choose(script, { lastResult: result('x', true) }).text).toBe('error');
    expect(choose(script).text).toBe('fine');
  });

  it('says so where no variant fits', () => {
    expect(choose([{ when: { last_result_is_error: true }, text: 'error' }]).text).toContain('no variant of reply 1');
  });
});

describe('ScriptDocument', () => {
  it.each([[{ reply: [] }], [[{ txt: 'typo' }]], [{ rules: [{ match: '(', replies: [{ text: 'x' }] }] }], [[{ delay_ms: -1 }]], ['text'], [null]])(
    'refuses %j',
    (document) => {
      expect(ScriptDocument.safeParse(document).success).toBe(false);
    },
  );
});
