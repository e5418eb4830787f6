import { RondoError } from '../../workflows/contract/errors.js';
import type { McpServerAccess } from './mcp.port.js';

/** The token a session's vaults have for an MCP server. */
export type BearerSource = (request: {
  readonly workspaceId: string;
  readonly vaultIds: readonly string[];
  readonly url: string;
}) => Promise<KnownBearer | undefined>;

export interface KnownBearer {
  readonly credentialId: string;
  readonly token: string;
}

export type Bearer = { readonly kind: 'readable'; readonly bearer: KnownBearer | undefined } | { readonly kind: 'unreadable'; readonly message: string };

/** Looks the token up. One whose key is gone is the server's failure, not the turn's. */
export async function findBearer(bearerFor: BearerSource, request: Parameters<BearerSource>[0]): Promise<Bearer> {
  try {
    return { kind: 'readable', bearer: await bearerFor(request) };
  } catch (error) {
    if (!(error instanceof RondoError) || error.code !== 'secret.unreadable') throw error;
    return { kind: 'unreadable', message: 'The credential for this MCP server cannot be read; store it again.' };
  }
}

/** A server with the token that the session has for it. */
export const accessTo = (url: string, bearer: KnownBearer | undefined): McpServerAccess => ({
  url,
  bearer: bearer?.token,
  credentialIds: bearer ? [bearer.credentialId] : [],
});
