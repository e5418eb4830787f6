import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { concatMap, type Observable } from 'rxjs';
import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { findWork } from '../../../infra/postgres/work.repo.js';
import { leaseLost } from '../http/authorization.js';
import type { SessionToken } from '../http/principal.js';
import { contextOf } from '../http/request-context.js';

/** Whether a worker still has the item its token is for. Asked after rows were read: what is read before a loss, its worker was given. */
export const holdsLease = (pool: Pool, { workspaceId, environmentId, workId, claim }: SessionToken): Promise<boolean> =>
  transaction(pool, workspaceId, async (tx) => {
    const item = await findWork(tx, environmentId, workId);
    return item !== undefined && item.claim === claim && item.state !== 'queued' && item.state !== 'stopped';
  });

/**
 * Keeps a worker whose lease was lost while its request was answered from seeing what came since: a call that is new then
 * belongs to the next worker, and must not be run twice.
 */
export class HeldLeaseInterceptor implements NestInterceptor {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<Response>();
    const { principal, accessRule } = contextOf(response);
    if (principal?.type !== 'session_token' || accessRule?.withoutLease) return next.handle();
    return next.handle().pipe(
      concatMap(async (answer: unknown) => {
        if (!response.headersSent && !(await holdsLease(this.#pool, principal))) throw leaseLost(principal.workId);
        return answer;
      }),
    );
  }
}
