import type { NextFunction, Request, Response } from 'express';
import { reachesFile, reachesSession, reachesSkill } from '../../../infra/postgres/access.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { type AccessMatch, findAccessRule, type NarrowPrincipal } from './access-rules.js';
import { contextOf, principalOf } from './request-context.js';

const NAMES = { environment_key: 'An environment key', session_token: "A work item's session token" } as const;

export const leaseLost = (workId: string): RondoError =>
  new RondoError('request.forbidden', `The lease of ${workId} is over or belongs to another worker; leave the session to it and poll for other work.`);

/** Lets a workspace's API key do everything, and a narrower credential what `ACCESS_RULES` says, with its own ids only. */
export const authorization =
  (pool: Pool) =>
  (request: Request, response: Response, next: NextFunction): void => {
    const principal = principalOf(response);
    if (principal.type === 'api_key') return next();
    const match = findAccessRule(request.method, `${request.baseUrl}${request.path}`);
    if (!match?.rule.allowed.includes(principal.type)) {
      return next(new RondoError('request.forbidden', `${NAMES[principal.type]} may not do this; use an API key of the workspace.`));
    }
    if (principal.type === 'session_token' && !principal.held && !match.rule.withoutLease) return next(leaseLost(principal.workId));
    contextOf(response).accessRule = match.rule;
    owns(pool, principal, match).then((own) => {
      next(
        own ? undefined : new RondoError('request.forbidden', `${NAMES[principal.type]} is for another ${OWNED_BY[principal.type]} than the one in this path.`),
      );
    }, next);
  };

const OWNED_BY = { environment_key: 'environment', session_token: 'session' } as const;

async function owns(pool: Pool, principal: NarrowPrincipal, { ids }: AccessMatch): Promise<boolean> {
  const sessionId = principal.type === 'session_token' ? principal.sessionId : null;
  const scope = { environmentId: principal.environmentId, sessionId };
  const { environment_id, work_id, session_id, skill_id, file_id } = ids;
  if (environment_id !== undefined && environment_id !== principal.environmentId) return false;
  if (work_id !== undefined && principal.type === 'session_token' && work_id !== principal.workId) return false;
  if (session_id !== undefined && sessionId !== null) return session_id === sessionId;
  return transaction(pool, principal.workspaceId, async (tx) => {
    if (session_id !== undefined) return reachesSession(tx, scope, session_id);
    if (skill_id !== undefined) return reachesSkill(tx, scope, skill_id);
    if (file_id !== undefined) return reachesFile(tx, scope, file_id);
    return true;
  });
}

/** Refuses inputs that are not for the sender to give. Runs once the body is read. */
export function permittedInputs(request: Request, response: Response, next: NextFunction): void {
  const inputs = contextOf(response).accessRule?.inputs;
  if (!inputs) return next();
  const events: unknown = (request.body as { readonly events?: unknown } | undefined)?.events;
  const other = Array.isArray(events) ? events.map(typeOf).find((type) => type !== undefined && !inputs.includes(type)) : undefined;
  next(
    other === undefined
      ? undefined
      : new RondoError('request.forbidden', `events: a worker may send ${inputs.join(' and ')} only, not ${JSON.stringify(other.slice(0, 100))}.`),
  );
}

function typeOf(event: unknown): string | undefined {
  const type: unknown = (event as { readonly type?: unknown } | null)?.type;
  return typeof type === 'string' ? type : undefined;
}
