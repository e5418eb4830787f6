import type { NextFunction, Request, Response } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { RondoError } from '../../../workflows/contract/errors.js';
import { principalOf } from './request-context.js';

/** Requests a minute of one key at one gateway; 0 is no limit. */
export interface RateLimits {
  /** Requests that make something: an agent, a session, an invocation, a file, … */
  readonly createsPerMinute: number;
  /** All others. */
  readonly requestsPerMinute: number;
}

/** Last parts of the paths whose POST makes something. */
const COLLECTIONS = 'agents|environments|keys|sessions|resources|invoke|vaults|credentials|files|skills|versions|memory_stores|memories|deployments';
const CREATES = new RegExp(`/(?:${COLLECTIONS})/?$`);

/**
 * Refuses requests over the limits of their key, before their body is read (wire section 13.5). Errors: `request.rate_limited`
 * with the time to wait. Each gateway counts for itself.
 */
export function rateLimits({ createsPerMinute, requestsPerMinute }: RateLimits) {
  const creates = createCounter(createsPerMinute, 'requests that create something', 'RONDO_CREATES_PER_MINUTE');
  const others = createCounter(requestsPerMinute, 'requests', 'RONDO_REQUESTS_PER_MINUTE');
  return (request: Request, response: Response, next: NextFunction): void => {
    const { type, keyId } = principalOf(response);
    const count = request.method === 'POST' && CREATES.test(request.path) ? creates : others;
    count(`${type}:${keyId}`).then(() => next(), next);
  };
}

function createCounter(perMinute: number, what: string, variable: string): (key: string) => Promise<void> {
  if (perMinute === 0) return () => Promise.resolve();
  const counter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return async (key) => {
    try {
      await counter.consume(key);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000));
      throw new RondoError('request.rate_limited', `This key may send ${perMinute} ${what} a minute (${variable}); the next one is accepted in ${seconds} s.`, {
        retryAfterMs: seconds * 1_000,
      });
    }
  };
}
