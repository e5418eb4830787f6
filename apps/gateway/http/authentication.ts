import type { NextFunction, Request, Response } from 'express';
import type { Pool } from '../../../infra/postgres/pool.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { createPrincipals } from './principal.js';
import { contextOf } from './request-context.js';

/**
 * Says who sends the request, by the credential in `Authorization: Bearer` or `x-api-key`. It runs before the body is read,
 * so that a stranger's body is never parsed.
 */
export function authentication(pool: Pool) {
  const principalOf = createPrincipals(pool);

  return (request: Request, response: Response, next: NextFunction): void => {
    const credential = credentialOf(request);
    if (credential === undefined) {
      next(new RondoError('request.unauthenticated', 'No API key was given; send it as "Authorization: Bearer <key>" or as "x-api-key: <key>".'));
      return;
    }
    principalOf(credential).then(
      (principal) => {
        if (!principal) {
          next(new RondoError('request.unauthenticated', 'The API key is not valid; it is unknown or was revoked.'));
          return;
        }
        const named = request.header('anthropic-workspace-id');
        if (named && named !== principal.workspaceId) {
          next(new RondoError('request.forbidden', 'anthropic-workspace-id: is not the workspace of this key; leave it out, or use a key of that workspace.'));
          return;
        }
        const context = contextOf(response);
        context.workspaceId = principal.workspaceId;
        context.principal = principal;
        response.setHeader('anthropic-workspace-id', principal.workspaceId);
        next();
      },
      (cause: unknown) =>
        next(new RondoError('service.unavailable', 'The key cannot be checked while the database is away; the request can be repeated.', { cause })),
    );
  };
}

function credentialOf(request: Request): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  return bearer ?? (request.header('x-api-key')?.trim() || undefined);
}
