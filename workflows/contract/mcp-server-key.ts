/**
 * The one spelling of an MCP server's address by which credentials are matched to servers: scheme, host, port and path; without
 * query, fragment and the slashes at the end. Throws a `TypeError` for what is no address.
 */
export function mcpServerKey(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
}
