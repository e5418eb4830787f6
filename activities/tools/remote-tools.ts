import type { ServerTraffic } from '../egress/traffic.port.js';
import { type AskServers, createAskServers } from '../mcp/ask-servers.js';
import type { BearerSource } from '../mcp/bearer.js';
import { createCallMcpTool, MCP_CALL_TIMEOUT_MS } from '../mcp/call-mcp-tool.js';
import { createMcpClient } from '../mcp/mcp.adapter.js';
import { createAddressGuard } from '../web/address-guard.js';
import { createGuardedFetch } from '../web/guarded-fetch.js';
import type { SearchPort } from '../web/search.port.js';
import { createSearxngSearch } from '../web/searxng.adapter.js';
import { createWebFetch } from '../web/web-fetch.js';
import { createWebSearch } from '../web/web-search.js';
import { createWebTools } from '../web/web-tools.js';
import type { RemoteCallDependencies } from './run-remote.js';

export interface RemoteToolsOptions {
  /** `RONDO_ALLOW_PRIVATE`. */
  readonly allowPrivate: readonly string[];
  readonly bearerFor: BearerSource;
  /** Takes every known secret out of foreign text. */
  readonly redact: (text: string) => string;
  /** The ways in which a secret may be written down by those who quote it. */
  readonly formsOfSecret: (secret: string) => Iterable<string>;
  /** The operator's search endpoint; its address is the operator's word and may be private. */
  readonly search: { readonly url: string; readonly key: string | undefined } | undefined;
  /** What their requests go through. */
  readonly traffic: ServerTraffic;
  /** Longest time of one MCP call, in milliseconds. */
  readonly callTimeoutMs?: number;
}

export interface RemoteTools {
  readonly askServers: AskServers;
  readonly offersSearch: boolean;
  readonly tools: RemoteCallDependencies['tools'];
}

const MCP_BYTES = 32 * 1024 * 1024;
const PAGE_BYTES = 10 * 1024 * 1024;
const SEARCH_BYTES = 2 * 1024 * 1024;

/** What runs without a sandbox: MCP servers and the tools of the web, all of them behind the address guard. */
export function createRemoteTools({ allowPrivate, bearerFor, redact, formsOfSecret, search, traffic, callTimeoutMs }: RemoteToolsOptions): RemoteTools {
  const guard = createAddressGuard({ allowPrivate });
  const timeoutMs = callTimeoutMs ?? MCP_CALL_TIMEOUT_MS;
  const mcpFetch = createGuardedFetch({ guard, maxBytes: MCP_BYTES, idleTimeoutMs: timeoutMs + 60_000 });
  const mcp = createMcpClient({ guardedFetch: mcpFetch, redact, formsOfSecret });
  const engine = search && createSearch(search, allowPrivate);
  return {
    askServers: createAskServers({ mcp, bearerFor, traffic }),
    offersSearch: engine !== undefined,
    tools: {
      mcp: createCallMcpTool({ mcp, bearerFor, traffic, timeoutMs }),
      server: createWebTools({
        webFetch: createWebFetch({ guardedFetch: createGuardedFetch({ guard, maxBytes: PAGE_BYTES }) }),
        webSearch: engine && createWebSearch({ search: engine }),
        traffic,
      }),
    },
  };
}

function createSearch({ url, key }: { readonly url: string; readonly key: string | undefined }, allowPrivate: readonly string[]): SearchPort {
  const { hostname, port, protocol } = new URL(url);
  const guard = createAddressGuard({ allowPrivate: [...allowPrivate, `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`] });
  return createSearxngSearch({ url, key, guardedFetch: createGuardedFetch({ guard, maxBytes: SEARCH_BYTES }) });
}
