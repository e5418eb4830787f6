import { findWorkspaceOfKey, hashOfCredential } from '../../../infra/postgres/api-keys.repo.js';
import { findEnvironmentOfKey } from '../../../infra/postgres/environment-keys.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { findWorkOfToken, WORK_TOKEN_PREFIX, type WorkToken } from '../../../infra/postgres/work-tokens.repo.js';

export const ENVIRONMENT_KEY_PREFIX = 'sk-rondo-env-';

/** Whoever sends a request: the whole workspace, the workers of one environment, or the worker that has one session's item. */
export type Principal =
  | { readonly type: 'api_key'; readonly workspaceId: string; readonly keyId: string }
  | { readonly type: 'environment_key'; readonly workspaceId: string; readonly keyId: string; readonly environmentId: string }
  | SessionToken;

export type SessionToken = { readonly type: 'session_token'; readonly keyId: string } & WorkToken;

const REMEMBER_MS = 5_000;
const MOST_REMEMBERED = 1_000;

/**
 * Finds out who a credential stands for. Keys are remembered for a moment, so a revoked one works for at most five more
 * seconds; a session token is asked for every time, because it ends with its lease.
 */
export function createPrincipals(pool: Pool): (credential: string) => Promise<Principal | undefined> {
  /** By the hash of the credential: what is kept in memory opens nothing. */
  const remembered = new Map<string, { readonly principal: Principal; readonly until: number }>();

  return async (credential) => {
    if (credential.startsWith(WORK_TOKEN_PREFIX)) return sessionToken(pool, credential);
    const hash = hashOfCredential(credential).toString('base64');
    const known = remembered.get(hash);
    if (known && known.until > Date.now()) return known.principal;
    remembered.delete(hash);
    const principal = credential.startsWith(ENVIRONMENT_KEY_PREFIX) ? await environmentKey(pool, credential) : await apiKey(pool, credential);
    if (!principal) return undefined;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(hash, { principal, until: Date.now() + REMEMBER_MS });
    return principal;
  };
}

async function apiKey(pool: Pool, key: string): Promise<Principal | undefined> {
  const found = await findWorkspaceOfKey(pool, key);
  return found && { type: 'api_key', ...found };
}

async function environmentKey(pool: Pool, key: string): Promise<Principal | undefined> {
  const found = await findEnvironmentOfKey(pool, key);
  return found && { type: 'environment_key', ...found };
}

async function sessionToken(pool: Pool, token: string): Promise<SessionToken | undefined> {
  const found = await findWorkOfToken(pool, token);
  return found && { type: 'session_token', keyId: found.workId, ...found };
}
