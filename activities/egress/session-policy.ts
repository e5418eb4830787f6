import type { Networking } from '../../workflows/contract/schema/environment.js';
import { parseAuthority } from './host-name.js';
import { PACKAGE_HOSTS } from './package-hosts.js';
import { type HostRule, isPlainPath, type NetworkPolicy } from './policy.js';

export interface PolicySources {
  /** Of the session, or else of its environment. */
  readonly networking: Networking;
  readonly mcpServers: readonly { readonly name: string; readonly url: string }[];
  /** Hosts that package managers load from here, beside the usual ones; with an optional port. */
  readonly packageHosts: readonly string[];
  readonly repositories: readonly { readonly id: string; readonly url: string }[];
  readonly answers: NetworkPolicy['answers'];
}

const ASK_TIMEOUT_SECONDS = 300;
const HTTPS = 443;

/** The network policy of a session (wire section 2, with what Rondo adds). Pure. */
export function sessionPolicy({ networking, mcpServers, packageHosts, repositories, answers }: PolicySources): NetworkPolicy {
  const passthrough = (networking.passthrough_hosts ?? []).map((text) => hostRule(text, ''));
  const attached = repositories.flatMap(({ id, url }) => repositoryRule(id, url));
  const open = { passthrough, answers, unknownHosts: 'deny', askTimeoutMs: 0 } as const;
  if (networking.type === 'unrestricted') return { ...open, unrestricted: true, rules: [] };
  const named = networking.allowed_hosts.map((allowed): HostRule => {
    if (typeof allowed === 'string') return hostRule(allowed, `allowed_hosts ${allowed}`);
    const { host, ports, methods, paths } = allowed;
    return { ...hostRule(host, `allowed_hosts ${host}`), ...(ports ? { ports } : {}), ...(methods ? { methods } : {}), ...(paths ? { paths } : {}) };
  });
  return {
    ...open,
    unrestricted: false,
    rules: [
      ...named,
      ...(networking.allow_mcp_servers ? mcpServers.flatMap(({ name, url }) => serverRule(name, url)) : []),
      ...(networking.allow_package_managers ? [...PACKAGE_HOSTS, ...packageHosts].map((host) => hostRule(host, 'allow_package_managers')) : []),
      ...attached,
    ],
    unknownHosts: networking.unknown_hosts ?? 'deny',
    askTimeoutMs: (networking.ask_timeout ?? ASK_TIMEOUT_SECONDS) * 1_000,
  };
}

/** `host` or `host:port`; the host may begin with `*.`. */
function hostRule(text: string, name: string): HostRule {
  const { host = text, port } = /^(?<host>.*?)(?::(?<port>\d+))?$/.exec(text)?.groups ?? {};
  return { host: host.toLowerCase(), name, ...(port === undefined ? {} : { ports: [Number(port)] }) };
}

function serverRule(name: string, address: string): HostRule[] {
  const url = URL.parse(address);
  const target = url && parseAuthority(url.host, url.protocol === 'http:' ? 80 : HTTPS);
  return target ? [{ host: target.host, ports: [target.port], name: `mcp_servers ${name}` }] : [];
}

function repositoryRule(id: string, address: string): HostRule[] {
  const place = repositoryPlace(address);
  if (!place) return [];
  const { host, port, path } = place;
  return [{ host, ports: [port], paths: [path, `${path}/*`, `${path}.git`, `${path}.git/*`], name: `repository ${id}` }];
}

/** Where a repository is, its path without `.git` at the end; undefined for an address no token may go to. Pure. */
export function repositoryPlace(address: string): { readonly host: string; readonly port: number; readonly path: string } | undefined {
  const url = URL.parse(address);
  const target = url?.protocol === 'https:' ? parseAuthority(url.host, HTTPS) : undefined;
  const path = url?.pathname.replace(/\/$/, '').replace(/\.git$/, '') ?? '';
  return target && path.length > 1 && isPlainPath(path) ? { ...target, path } : undefined;
}

/** Whether a request is for a repository: its own path or one below, with or without `.git`. Pure. */
export function isInRepository(path: string, requested: string): boolean {
  if (!isPlainPath(requested)) return false;
  const plain = requested.replace(/\?.*$/s, '');
  return [path, `${path}.git`].some((root) => plain === root || plain.startsWith(`${root}/`));
}
