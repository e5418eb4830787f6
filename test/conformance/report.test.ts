import { APIError } from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';
import { observe } from './outcome.js';
import { isWorse, readVerdicts, toMarkdown } from './report.js';
import type { World } from './world.js';

const nowhere = {} as World;
const holds = async () => {};
const fails = async () => {
  throw new Error('it does something else');
};
const refuses = (status: number, message: string) => async () => {
  const body = { type: 'error', error: { type: 'api_error', message }, request_id: 'req_1' };
  throw APIError.generate(status, body, message, new Headers({ 'request-id': 'req_1' }));
};

describe('a verdict', () => {
  it('is works when every check holds, and partly when some do', async () => {
    expect((await observe({ one: holds, two: holds }, nowhere)).outcome).toEqual({ verdict: 'works', checked: ['one', 'two'], missing: [] });
    expect((await observe({ one: holds, two: fails }, nowhere)).outcome).toEqual({ verdict: 'partly', checked: ['one', 'two'], missing: ['two'] });
  });

  it('is not yet only when the server says so, with 501 and in words', async () => {
    expect((await observe({ one: refuses(501, 'Dreams are not built yet.') }, nowhere)).outcome.verdict).toBe('not yet');
    await expect(observe({ one: refuses(501, 'Oops.') }, nowhere)).rejects.toThrow('does not say that it is not built');
    await expect(observe({ one: refuses(404, 'Dreams are not built yet.') }, nowhere)).rejects.toThrow('does not say that it is not built');
    await expect(observe({ one: fails }, nowhere)).rejects.toThrow('it does something else');
  });

  it('is worse than one that says more, and never worse than none', () => {
    expect(isWorse('partly', 'works')).toBe(true);
    expect(isWorse('not yet', 'partly')).toBe(true);
    expect(isWorse('works', 'works')).toBe(false);
    expect(isWorse('works', 'not yet')).toBe(false);
    expect(isWorse('not yet', undefined)).toBe(false);
  });
});

it('the report is read back as the verdicts it was written from', () => {
  const outcomes = new Map([
    ['agents.create', { verdict: 'works' as const, checked: ['does it'], missing: [] }],
    ['agents.list', { verdict: 'partly' as const, checked: ['does it', 'does more'], missing: ['does more'] }],
    ['dreams.create', { verdict: 'not yet' as const, checked: [], missing: [] }],
  ]);
  const report = toMarkdown(outcomes, 3, '1.0.0');
  expect([...readVerdicts(report)]).toEqual([...outcomes].map(([method, { verdict }]) => [method, verdict]));
  expect(report).toContain('**missing: does more**');
  expect(toMarkdown(outcomes, 3, '1.0.0')).toBe(report);
});
