import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import { Refusal } from '../egress/refusal.js';
import type { GuardedFetch } from '../web/guarded-fetch.js';
import type { McpAnswer, McpListing, McpPort, McpRequestOptions, McpServerAccess } from './mcp.port.js';
import { createWatchedFetch, type WatchedFetch } from './watched-fetch.js';

export interface McpAdapterOptions {
  /** Its idle limit must be longer than any call, its size limit is the one of results. */
  readonly guardedFetch: GuardedFetch;
  /** Takes every known secret out of foreign text. */
  readonly redact: (text: string) => string;
  /** The ways in which a secret may be written down by those who quote it. */
  readonly formsOfSecret: (secret: string) => Iterable<string>;
}

const CLIENT = { name: 'rondo', version: '1' };
/** Pages of one tool list; a server that never ends its list is cut here. */
const MAXIMUM_PAGES = 50;
const MAXIMUM_LISTED = 1_000;
const LONGEST_MESSAGE = 500;
const GOODBYE_TIMEOUT_MS = 2_000;
/** Shorter forms of a token would hit ordinary text. */
const SHORTEST_FORM = 6;

/** Wider than the protocol's own schemas: one odd tool or block must not spoil the others. */
const ToolPage = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() });
const ToolResult = z.looseObject({
  content: z.array(z.looseObject({ type: z.string() })).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().optional(),
});

/** MCP servers by the protocol's own client, one connection for each exchange. */
export function createMcpClient({ guardedFetch, redact, formsOfSecret }: McpAdapterOptions): McpPort {
  return {
    listTools: (server, options) =>
      exchange<McpListing>(server, options, {
        async run({ client, signal, timeout }) {
          const tools: unknown[] = [];
          let cursor: string | undefined;
          for (let page = 0; page < MAXIMUM_PAGES && tools.length < MAXIMUM_LISTED; page += 1) {
            const answer = await client.request({ method: 'tools/list', params: cursor === undefined ? {} : { cursor } }, ToolPage, { signal, timeout });
            tools.push(...answer.tools);
            cursor = answer.nextCursor;
            if (cursor === undefined) break;
          }
          return { kind: 'listed', tools: withoutToken(tools.slice(0, MAXIMUM_LISTED), server) };
        },
        failed: ({ message, httpStatus }) => ({ kind: 'failed', cause: httpStatus === 401 || httpStatus === 403 ? 'authentication' : 'connection', message }),
      }),

    async callTool(server, { name, input }, options) {
      let sent = false;
      return exchange<McpAnswer>(server, options, {
        async run({ client, signal, timeout }) {
          sent = true;
          const result = await client.request({ method: 'tools/call', params: { name, arguments: input as Record<string, unknown> } }, ToolResult, {
            signal,
            timeout,
          });
          const { content, structuredContent, isError = false } = withoutToken(result, server);
          return { kind: 'answered', result: { content, structuredContent, isError } };
        },
        failed: ({ message, httpStatus, final, timedOut }) => {
          const refused = !sent || final || (httpStatus !== undefined && httpStatus >= 400 && httpStatus < 500);
          return refused ? { kind: 'refused', message } : { kind: 'unknown', message, timedOut };
        },
      });
    },
  };

  /** A server may repeat what it was sent, as it is or in another form. */
  function withoutToken<Value>(value: Value, { bearer }: McpServerAccess): Value {
    if (bearer === undefined || bearer === '') return value;
    const forms = [...formsOfSecret(bearer)].filter((form) => form.length >= SHORTEST_FORM);
    return withoutTexts(
      value,
      [bearer, ...forms].toSorted((left, right) => right.length - left.length),
    );
  }

  /** Connects, does the work, says goodbye. A failure becomes an answer, an abort is thrown. */
  async function exchange<Answer>(server: McpServerAccess, options: McpRequestOptions, work: Exchange<Answer>): Promise<Answer> {
    const { traffic } = options;
    try {
      await traffic?.admit(new URL(server.url), 'POST', options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      return work.failed(describe(error, server, false, options.timeoutMs));
    }
    const timer = AbortSignal.timeout(options.timeoutMs);
    const signal = AbortSignal.any([options.signal, timer]);
    // The client's own clock must not end the exchange before ours.
    const timeout = options.timeoutMs + 60_000;
    const watched = createWatchedFetch(guardedFetch, { traffic, credentialIds: server.credentialIds ?? [] });
    const client = new Client(CLIENT, { capabilities: {} });
    const transport = new StreamableHTTPClientTransport(new URL(server.url), {
      fetch: watched.fetch,
      redirectPolicy: 'same-origin',
      reconnectionOptions: { initialReconnectionDelay: 1_000, maxReconnectionDelay: 1_000, reconnectionDelayGrowFactor: 1, maxRetries: 0 },
      ...(server.bearer === undefined ? {} : { requestInit: { headers: { authorization: `Bearer ${server.bearer}` } } }),
    });
    // The client passes messages to whoever listened before it.
    transport.onmessage = (message) => {
      if ('id' in message && !('method' in message)) watched.answered(message.id);
    };
    const whole = async () => {
      // The class declares an optional property that its interface has without undefined.
      await client.connect(transport as Parameters<typeof client.connect>[0], { signal, timeout });
      return work.run({ client, signal, timeout });
    };
    try {
      return await Promise.race([whole(), watched.ended, ended(signal)]);
    } catch (error) {
      options.signal.throwIfAborted();
      const failure = describe(error, server, timer.aborted, options.timeoutMs);
      return work.failed({ ...failure, message: redact(withoutToken(failure.message, server)).slice(0, LONGEST_MESSAGE) });
    } finally {
      void close(client, transport, watched).finally(() => traffic?.end());
    }
  }
}

/** The client waits for its notifications without a limit, so its own handling of a signal is not enough. */
const ended = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = () => reject(signal.reason instanceof Error ? signal.reason : new Error('The exchange was stopped.'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });

interface Exchange<Answer> {
  run(connected: { readonly client: Client; readonly signal: AbortSignal; readonly timeout: number }): Promise<Answer>;
  failed(failure: Failure): Answer;
}

interface Failure {
  readonly message: string;
  readonly httpStatus?: number;
  /** It is certain that nothing better comes: the server answered with an error, or was never reached. */
  readonly final: boolean;
  readonly timedOut: boolean;
}

/** Nothing was sent. */
const REFUSED: ReadonlySet<string> = new Set(['address.refused', 'request.rate_limited', 'service.unavailable']);

function describe(error: unknown, server: McpServerAccess, timedOut: boolean, timeoutMs: number): Failure {
  const host = JSON.stringify(URL.parse(server.url)?.host ?? '');
  if (timedOut) return { message: `The MCP server at ${host} did not answer within ${Math.ceil(timeoutMs / 1_000)} seconds.`, final: false, timedOut };
  if (error instanceof StreamableHTTPError && error.code !== undefined && error.code > 0) {
    return { message: `The MCP server at ${host} answered with HTTP status ${error.code}.`, httpStatus: error.code, final: false, timedOut };
  }
  if (error instanceof McpError) return { message: `The MCP server at ${host} answered with an error. ${error.message}`, final: true, timedOut };
  if (error instanceof RondoError && error.code === 'request.too_large') {
    return { message: `The MCP server at ${host} answered with more than can be read. What the call did stays done; ask for less.`, final: true, timedOut };
  }
  if (error instanceof Refusal) return { message: error.message, final: true, timedOut };
  if (error instanceof RondoError) return { message: error.message, final: REFUSED.has(error.code), timedOut };
  return { message: `The MCP server at ${host} gave no usable answer. ${error instanceof Error ? error.message : ''}`.trim(), final: false, timedOut };
}

/** The same value with these texts taken out of every string in it. */
function withoutTexts<Value>(value: Value, texts: readonly string[]): Value {
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return texts.reduce((rest, text) => rest.replaceAll(text, '[secret]'), part);
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [walk(key), walk(inner)]));
  };
  return walk(value) as Value;
}

/** Ends the server's session and the connection; a server that does not answer this is left alone. */
async function close(client: Client, transport: StreamableHTTPClientTransport, watched: WatchedFetch): Promise<void> {
  const goodbye = async () => {
    await watched.settled();
    await transport.terminateSession();
  };
  await Promise.race([goodbye().catch(() => undefined), delay(GOODBYE_TIMEOUT_MS, undefined, { ref: false })]);
  await client.close().catch(() => undefined);
}
