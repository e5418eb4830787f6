import type { Traffic } from '../egress/traffic.port.js';

/** An MCP server as one session reaches it. */
export interface McpServerAccess {
  readonly url: string;
  /** Sent as a bearer token; never logged, and taken out of whatever the server says. */
  readonly bearer: string | undefined;
  /** Whose token it is, for the audit. */
  readonly credentialIds?: readonly string[];
}

export interface McpRequestOptions {
  readonly signal: AbortSignal;
  /** Milliseconds for the whole exchange, without the time in which people are asked whether it may be. */
  readonly timeoutMs: number;
  /** What the session's requests go through; without it, it is for no session. */
  readonly traffic?: Traffic;
}

export type McpListing =
  /** Every page, as the server wrote it: to be checked by the reader. */
  | { readonly kind: 'listed'; readonly tools: readonly unknown[] }
  | { readonly kind: 'failed'; readonly cause: 'connection' | 'authentication'; readonly message: string };

export type McpAnswer =
  | { readonly kind: 'answered'; readonly result: McpResult }
  /** The server answered with an error, or the call never reached it: nothing better will come. */
  | { readonly kind: 'refused'; readonly message: string }
  /** It was sent and no answer came: whether it ran is unknown. */
  | { readonly kind: 'unknown'; readonly message: string; readonly timedOut: boolean };

/** A tool's result, not checked beyond this shape. */
export interface McpResult {
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly structuredContent: unknown;
  readonly isError: boolean;
}

/**
 * MCP servers over streamable HTTP. What a server or the network does is an answer and not an error; only an abort of
 * `signal` throws, with the signal's reason. Nothing is sent twice.
 */
export interface McpPort {
  listTools(server: McpServerAccess, options: McpRequestOptions): Promise<McpListing>;
  callTool(server: McpServerAccess, call: { readonly name: string; readonly input: unknown }, options: McpRequestOptions): Promise<McpAnswer>;
}
