import type { SessionRef } from '../../workflows/contract/activities.js';
import type { McpToolList, NewEvent, SessionRecord } from '../../workflows/contract/records.js';
import type { McpServer } from '../../workflows/contract/schema/agent.js';
import type { ServerTraffic } from '../egress/traffic.port.js';
import type { LockedSession } from '../session/store.port.js';
import { accessTo, type BearerSource, findBearer } from './bearer.js';
import type { McpListing, McpPort } from './mcp.port.js';
import { toToolList, withinLimits } from './tool-list.js';

/** Servers to ask for their tools before the first model request of a turn. */
export interface ServersToAsk {
  readonly turn: number;
  readonly servers: readonly McpServer[];
  readonly vaultIds: readonly string[];
}

export interface ServerAnswer {
  readonly server: McpServer;
  readonly listing: McpListing;
  readonly milliseconds: number;
}

/** What the servers said, for the turn they were asked for. */
export interface ServerAnswers {
  readonly turn: number;
  readonly answers: readonly ServerAnswer[];
}

export type AskServers = (ref: SessionRef, asked: ServersToAsk, signal: AbortSignal) => Promise<ServerAnswers>;

/** All servers are asked at once, so this is the longest a turn waits for them. */
const LIST_TIMEOUT_MS = 20_000;

/**
 * Asks each server once, side by side. A server that fails costs the turn its tools and nothing else; only an abort of
 * `signal` throws.
 */
export const createAskServers =
  (deps: { readonly mcp: McpPort; readonly bearerFor: BearerSource; readonly traffic: ServerTraffic }): AskServers =>
  async (ref, { turn, servers, vaultIds }, signal) => {
    const list = async ({ url }: McpServer): Promise<McpListing> => {
      const found = await findBearer(deps.bearerFor, { workspaceId: ref.workspaceId, vaultIds, url });
      if (found.kind === 'unreadable') return { kind: 'failed', cause: 'authentication', message: found.message };
      return deps.mcp.listTools(accessTo(url, found.bearer), { signal, timeoutMs: LIST_TIMEOUT_MS, traffic: deps.traffic.of(ref, []) });
    };
    const ask = async (server: McpServer): Promise<ServerAnswer> => {
      const start = Date.now();
      const listing = await list(server);
      return { server, listing, milliseconds: Date.now() - start };
    };
    return { turn, answers: await Promise.all(servers.map(ask)) };
  };

/** The servers an agent's toolsets name that were not asked in this turn. Pure. */
export function unaskedServers({ agent, vaultIds, turn }: SessionRecord, lists: readonly McpToolList[]): ServersToAsk | undefined {
  const named = new Set(agent.tools.flatMap((tool) => (tool.type === 'mcp_toolset' ? [tool.mcp_server_name] : [])));
  const asked = new Set(lists.flatMap((list) => (list.turn === turn ? [list.serverName] : [])));
  const servers = agent.mcp_servers.filter(({ name }) => named.has(name) && !asked.has(name));
  return servers.length > 0 ? { turn, servers, vaultIds } : undefined;
}

/** Keeps what the servers said with the turn, tells clients of each that failed, and notes both in the trace; under the session's lock, so once. */
export async function keepAnswers(session: LockedSession, { turn, answers }: ServerAnswers): Promise<void> {
  const before = (await session.readMcpTools()).filter((list) => list.turn === turn);
  const lists = answers.map(
    ({ server, listing }): McpToolList => ({ serverName: server.name, turn, tools: listing.kind === 'listed' ? toToolList(listing.tools) : [] }),
  );
  const kept = withinLimits([...before, ...lists]).slice(before.length);
  await session.saveMcpTools(kept);
  for (const [index, answer] of answers.entries()) await trace(session, answer, kept[index]?.tools.length ?? 0);
  const failures = answers.flatMap(({ server, listing }) => (listing.kind === 'failed' ? [failureEvent(server, listing)] : []));
  if (failures.length > 0) await session.append(failures);
}

/** The session goes on without the server and asks it again in the next turn: to the wire that is retrying. */
const failureEvent = (server: McpServer, { cause, message }: Extract<McpListing, { kind: 'failed' }>): NewEvent => ({
  type: 'session.error',
  body: {
    error: {
      type: cause === 'authentication' ? 'mcp_authentication_failed_error' : 'mcp_connection_failed_error',
      mcp_server_name: server.name,
      message,
      retry_status: { type: 'retrying' },
    },
  },
});

async function trace(session: LockedSession, { server, listing, milliseconds }: ServerAnswer, kept: number): Promise<void> {
  const { turn, turnUsage } = session.record;
  const key = `mcp_list:${turn}.${server.name}`;
  const id = await session.startAttempt({ turn, step: turnUsage.steps + 1, kind: 'mcp_call', name: `tools/list ${server.name}`, key, attempt: 1 });
  await session.endAttempt(
    id,
    listing.kind === 'listed'
      ? { outcome: 'ok', detail: { listed: listing.tools.length, kept, milliseconds } }
      : { outcome: 'error', errorCode: 'mcp.failed', errorMessage: listing.message, detail: { cause: listing.cause, milliseconds } },
  );
}
