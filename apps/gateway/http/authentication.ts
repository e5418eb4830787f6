import type { NextFunction, Request, Response } from 'express';
import { findWorkspaceOfKey } from '../../../infra/postgres/api-keys.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { contextOf } from './request-context.js';

const REMEMBER_MS = 5_000;
const MOST_REMEMBERED = 1_000;

/**
 * Opens the workspace of the request's key, given as `Authorization: Bearer` or `x-api-key`. It runs before the body is
 * read, so that a stranger's body is never parsed. A revoked key works for at most five more seconds.
 */
export function authentication(pool: Pool) {
  const remembered = new Map<string, { readonly workspaceId: string; readonly until: number }>();

  async function workspaceOf(key: string): Promise<string | undefined> {
    const known = remembered.get(key);
    if (known && known.until > Date.now()) return known.workspaceId;
    const found = await findWorkspaceOfKey(pool, key).catch((cause: unknown) => {
      throw new RondoError('service.unavailable', 'The key cannot be checked while the database is away; the request can be repeated.', { cause });
    });
    remembered.delete(key);
    if (!found) return undefined;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(key, { workspaceId: found.workspaceId, until: Date.now() + REMEMBER_MS });
    return found.workspaceId;
  }

  return (request: Request, response: Response, next: NextFunction): void => {
    const key = keyOf(request);
    if (key === undefined) {
      next(new RondoError('request.unauthenticated', 'No API key was given; send it as "Authorization: Bearer <key>" or as "x-api-key: <key>".'));
      return;
    }
    workspaceOf(key).then((workspaceId) => {
      if (workspaceId === undefined) {
        next(new RondoError('request.unauthenticated', 'The API key is not valid; it is unknown or was revoked.'));
        return;
      }
      contextOf(response).workspaceId = workspaceId;
      response.setHeader('anthropic-workspace-id', workspaceId);
      next();
    }, next);
  };
}

function keyOf(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  return bearer ?? (request.header('x-api-key')?.trim() || undefined);
}
