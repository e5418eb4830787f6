import { describe, expect, it } from 'vitest';
import { passesRules } from './domain-rules.js';

const passes = (url: string, rules: Parameters<typeof passesRules>[1]) => passesRules(new URL(url), rules);

describe('passesRules', () => {
  it.each([
    ['https://docs.example.com/', true],
    ['https://a.b.docs.example.com/x', true],
    ['https://DOCS.EXAMPLE.COM./', true],
    ['https://example.com/', false],
    ['https://mydocs.example.com/', false],
    ['https://docs.example.com.evil.org/', false],
    ['https://evil.org/docs.example.com', false],
    ['https://evil.org/?docs.example.com', false],
  ])('allows docs.example.com and what is below it: %s %s', (url, allowed) => {
    expect(passes(url, { allowed_domains: ['docs.example.com'] })).toBe(allowed);
    expect(passes(url, { blocked_domains: ['docs.example.com'] })).toBe(!allowed);
  });

  it.each([
    ['https://example.com/blog', true],
    ['https://example.com/blog/post', true],
    ['https://example.com/blogger', false],
    ['https://example.com/', false],
  ])('takes the path of an entry into account: %s %s', (url, allowed) => {
    expect(passes(url, { allowed_domains: ['example.com/blog/'] })).toBe(allowed);
  });

  it('lets everything pass without rules', () => {
    expect(passes('https://example.com/', {})).toBe(true);
  });
});
