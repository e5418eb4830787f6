import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../workflows/contract/records.js';
import type { UrlSources } from '../../workflows/contract/schema/web-tools.js';
import { isFromSource } from './url-sources.js';

const event = (type: string, body: Record<string, unknown>, id = ''): StoredEvent => ({ id, seq: 1, type, body, provider: null, processedAt: new Date(0) });
const text = (value: string) => [{ type: 'text', text: value }];
const EVENTS = [
  event('user.message', { content: text('read https://user.test/page, (https://user.test/a_b) and "https://user.test/q?x=1#part".') }),
  event('user.message', { content: text('as [a link](https://user.test/A_(b)) or [https://user.test/in] here') }),
  event('agent.message', { content: text('maybe https://model.test/') }),
  event('agent.custom_tool_use', { name: 'lookup' }, 'c1'),
  event('user.custom_tool_result', { custom_tool_use_id: 'c1', content: text('see https://custom.test/') }),
  event('agent.tool_use', { name: 'web_search' }, 's1'),
  event('agent.tool_result', { tool_use_id: 's1', content: [{ type: 'search_result', source: 'https://found.test/', title: 't', content: text('x') }] }),
  event('agent.tool_use', { name: 'bash' }, 'b1'),
  event('agent.tool_result', { tool_use_id: 'b1', content: text('https://sandbox.test/') }),
  event('agent.mcp_tool_use', { name: 'web_fetch' }, 'm1'),
  event('agent.mcp_tool_result', { mcp_tool_use_id: 'm1', content: text('https://mcp.test/') }),
];
const ALL: UrlSources = { user_input: null, client_tool_results: null, server_tool_results: null };
const may = (url: string, sources: UrlSources | null) => isFromSource(new URL(url), sources, EVENTS);
const tools = (type: 'only' | 'except', ...names: string[]) => ({ type, tools: names.map((name) => ({ type: 'tool_reference' as const, name })) });

describe('isFromSource', () => {
  it('lets every address pass without url_sources', () => {
    expect(may('https://anywhere.test/', null)).toBe(true);
  });

  it.each([
    'https://user.test/page',
    'https://user.test/a_b',
    'https://user.test/q?x=1',
    'https://user.test/page#other',
    'https://user.test/A_(b)',
    'https://user.test/in',
    'https://custom.test/',
    'https://found.test/',
  ])('lets %s pass, which a source has named', (url) => {
    expect(may(url, ALL)).toBe(true);
  });

  it.each([
    'https://model.test/',
    'https://sandbox.test/',
    'https://mcp.test/',
    'https://user.test/',
    'https://user.test/page?data=secret',
    'https://user.test/page/more',
    'http://user.test/page',
  ])('refuses %s, which none has named letter by letter', (url) => {
    expect(may(url, ALL)).toBe(false);
  });

  it('follows what each source lets pass', () => {
    expect(may('https://user.test/page', { ...ALL, user_input: { type: 'none' } })).toBe(false);
    expect(may('https://custom.test/', { ...ALL, client_tool_results: { type: 'none' } })).toBe(false);
    expect(may('https://custom.test/', { ...ALL, client_tool_results: tools('only', 'lookup') })).toBe(true);
    expect(may('https://custom.test/', { ...ALL, client_tool_results: tools('only', 'other') })).toBe(false);
    expect(may('https://custom.test/', { ...ALL, client_tool_results: tools('except', 'lookup') })).toBe(false);
    expect(may('https://found.test/', { ...ALL, server_tool_results: tools('except', 'web_fetch') })).toBe(true);
    expect(may('https://found.test/', { ...ALL, server_tool_results: tools('only', 'web_fetch') })).toBe(false);
  });
});
