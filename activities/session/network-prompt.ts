import type { NetworkAccess } from '../../workflows/contract/network-access.js';

const MOST_NAMED = 30;
const PROXY = 'through the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY)';

/** What the model is told of the network. Pure. */
export function networkPrompt({ networking, variables }: NetworkAccess): string {
  const secrets =
    variables.length === 0
      ? ''
      : `\nThese variables hold placeholders of secrets: ${variables.join(', ')}. Use them as if they were the secrets: each is replaced on its way to the hosts it is meant for, and nowhere else.`;
  return `${reach(networking)}${secrets}`;
}

function reach(networking: NetworkAccess['networking']): string {
  if (networking === undefined) return 'It has no network.';
  if (networking.type === 'unrestricted') return `It reaches hosts of the internet by HTTP and HTTPS, ${PROXY}; nothing else.`;
  const hosts = networking.allowed_hosts.map((allowed) => (typeof allowed === 'string' ? allowed : allowed.host));
  const places = [
    ...hosts.slice(0, MOST_NAMED),
    ...(hosts.length > MOST_NAMED ? [`${hosts.length - MOST_NAMED} more`] : []),
    ...(networking.allow_package_managers ? ['package registries'] : []),
    ...(networking.allow_mcp_servers ? ['the MCP servers'] : []),
  ];
  const asks = networking.unknown_hosts === 'ask';
  if (places.length === 0 && !asks) return 'It has no network.';
  const unknown = asks ? 'For any other host a person is asked, and the request waits.' : 'Other hosts are refused.';
  return places.length === 0 ? `It reaches hosts ${PROXY}. ${unknown}` : `It reaches, by HTTP and HTTPS, ${PROXY}: ${places.join(', ')}. ${unknown}`;
}
