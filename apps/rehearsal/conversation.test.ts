import { describe, expect, it } from 'vitest';
import { type Message, pairingProblem, positionOf } from './conversation.js';

const message = (change: Partial<Message>): Message => ({ role: 'user', results: [], callIds: [], size: 1, isCached: false, ...change });
const says = (text: string) => message({ text });
const calls = (...callIds: string[]) => message({ role: 'assistant', callIds });
const results = (...ids: string[]) => message({ results: ids.map((callId) => ({ callId, text: `result ${callId}`, isError: false })) });

describe('positionOf', () => {
  it('counts the assistant messages since the last text of the user', () => {
    const messages = [says('first'), calls(), says('second'), calls('a'), results('a'), calls('b'), results('b')];
    expect(positionOf(messages)).toEqual({ input: 'second', step: 3, lastResult: { callId: 'b', text: 'result b', isError: false } });
    expect(positionOf(messages.slice(0, 3))).toEqual({ input: 'second', step: 1, lastResult: undefined });
  });

  it('begins anew at a text that comes with tool results', () => {
    const both = { ...results('a'), text: 'and now this' };
    expect(positionOf([says('first'), calls('a'), both])).toMatchObject({ input: 'and now this', step: 1, lastResult: { text: 'result a' } });
  });
});

describe('pairingProblem', () => {
  it.each([
    ['results of one message', [says('x'), calls('a', 'b'), results('a', 'b')]],
    ['results of several messages', [says('x'), calls('a', 'b'), results('a'), results('b'), calls('a'), results('a')]],
    ['no calls', [says('x'), calls(), says('y')]],
  ])('accepts %s', (_, messages) => {
    expect(pairingProblem(messages)).toBeUndefined();
  });

  it.each([
    ['a call without a result', [says('x'), calls('a', 'b'), results('a')], /b/],
    ['a text in place of a result', [says('x'), calls('a'), says('y')], /a have no result/],
    ['a result that comes late', [says('x'), calls('a'), says('y'), results('a')], /a have no result/],
    ['calls at the end', [says('x'), calls('a')], /last message/],
    ['a result without its call', [says('x'), results('a')], /no tool call/],
    ['two results for a call of another step', [says('x'), calls('a'), results('a'), calls('b'), results('a')], /no tool call/],
    ['the same id twice in a message', [says('x'), calls('a', 'a'), results('a')], /unique/],
  ])('refuses %s', (_, messages, expected) => {
    expect(pairingProblem(messages)).toMatch(expected);
  });
});
