import { describe, expect, it } from 'vitest';
import type { McpToolList, SessionRecord } from '../../workflows/contract/records.js';
import type { ResolvedTool } from '../../workflows/contract/schema/agent.js';
import { buildCatalog } from './catalog.js';

type Policy = 'always_allow' | 'always_ask' | 'auto';
const setting = (enabled: boolean, type: Policy) => ({ enabled, permission_policy: { type } });

const TOOLSET: ResolvedTool = { type: 'agent_toolset_20260401', default_config: setting(true, 'always_allow'), configs: [] };
const MCP: ResolvedTool = {
  type: 'mcp_toolset',
  mcp_server_name: 'db',
  default_config: setting(true, 'always_ask'),
  configs: [
    { name: 'read', ...setting(true, 'always_allow') },
    { name: 'drop', ...setting(false, 'always_ask') },
  ],
};
const CUSTOM: ResolvedTool = { type: 'custom', name: 'lookup', description: 'd', input_schema: { type: 'object' } };
const LISTS: McpToolList[] = [
  {
    serverName: 'db',
    turn: 1,
    tools: ['read', 'write', 'drop', 'odd name'].map((name) => ({ name, description: name, inputSchema: { type: 'object' }, repeatable: false })),
  },
];

const catalog = (tools: readonly ResolvedTool[], environmentType: SessionRecord['environmentType'] = 'cloud', webSearch = true) =>
  buildCatalog({ agent: { tools } as SessionRecord['agent'], environmentType }, LISTS, { webSearch });
const names = (built: ReturnType<typeof catalog>) => built.tools.map(({ name }) => name);

describe('buildCatalog', () => {
  it("says who runs each call: the sandbox or a worker, the client, the MCP server, Rondo for the web's tools", () => {
    const kinds = (environmentType: SessionRecord['environmentType']) =>
      ['bash', 'web_fetch', 'lookup', 'mcp__db__write'].map((name) => catalog([TOOLSET, MCP, CUSTOM], environmentType).evaluate(name, {}).kind);
    expect(kinds('cloud')).toEqual(['sandbox', 'server', 'custom', 'mcp']);
    expect(kinds('self_hosted')).toEqual(['worker', 'server', 'custom', 'mcp']);
  });

  it('needs no sandbox for what runs elsewhere', () => {
    const onlyWeb: ResolvedTool = {
      ...TOOLSET,
      default_config: setting(false, 'always_allow'),
      configs: [{ type: 'web_fetch', name: 'web_fetch', url_sources: null, ...setting(true, 'always_allow') }],
    };
    expect(catalog([onlyWeb, MCP]).usesSandbox).toBe(false);
    expect(names(catalog([onlyWeb]))).toEqual(['web_fetch']);
    expect(catalog([TOOLSET], 'self_hosted').usesSandbox).toBe(false);
    expect(catalog([TOOLSET]).usesSandbox).toBe(true);
  });

  it("offers an MCP server's enabled tools under names that providers accept, each with its own policy", () => {
    const built = catalog([MCP]);
    expect(names(built)).toEqual(['mcp__db__read', 'mcp__db__write', expect.stringMatching(/^mcp__db__odd_name_[0-9a-f]{8}$/)]);
    expect(built.evaluate('mcp__db__read', {})).toMatchObject({ kind: 'mcp', name: 'read', mcpServerName: 'db', permission: 'allow' });
    expect(built.evaluate('mcp__db__write', {})).toMatchObject({ name: 'write', permission: 'ask', policy: 'always_ask' });
    expect(built.evaluate('mcp__db__drop', {})).toMatchObject({ kind: 'rejected', permission: 'deny' });
  });

  it('does not offer web_search without an engine; a call of it reaches whoever says why', () => {
    const built = catalog([TOOLSET], 'cloud', false);
    expect(names(built)).not.toContain('web_search');
    expect(built.evaluate('web_search', { query: 'x' }).kind).toBe('server');
  });

  it('rejects tools nobody has offered, and inputs that are no object', () => {
    expect(catalog([MCP]).evaluate('bash', {})).toMatchObject({ kind: 'rejected', refusal: expect.stringContaining('no tool named') });
    expect(catalog([TOOLSET]).evaluate('bash', 'echo')).toMatchObject({ kind: 'rejected', refusal: expect.stringContaining('JSON object') });
  });
});
