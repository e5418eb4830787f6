import { createHash } from 'node:crypto';

/** What every provider accepts as a tool's name. */
const LONGEST = 64;

/**
 * The name under which the model knows a tool of an MCP server: `mcp__<server>__<tool>`. Characters that providers refuse
 * become `_`; a name that was changed or cut ends with a hash of the whole, so that no two tools share one.
 */
export function mcpToolName(server: string, tool: string): string {
  const whole = `mcp__${server}__${tool}`;
  const plain = whole.replace(/[^A-Za-z0-9_-]/g, '_');
  if (plain === whole && whole.length <= LONGEST) return whole;
  const hash = createHash('sha256')
    .update(JSON.stringify([server, tool]))
    .digest('hex')
    .slice(0, 8);
  return `${plain.slice(0, LONGEST - hash.length - 1)}_${hash}`;
}
