import type { NextFunction, Request, Response } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';

/** Deeper JSON than this is refused: everything behind the door may then walk it recursively. */
const DEEPEST = 200;

export const JSON_TYPES = ['json', '+json'];

/** Refuses bodies that are not JSON. Requests without a body pass: the wire's actions have none. */
export function requireJson(request: Request, _response: Response, next: NextFunction): void {
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody || request.is(JSON_TYPES)) return next();
  const given = request.headers['content-type'];
  next(
    new RondoError(
      'request.unsupported_media_type',
      `The body's content-type is ${given ? JSON.stringify(given.slice(0, 100)) : 'missing'}; accepted is application/json.`,
    ),
  );
}

/** Refuses JSON nested too deeply. */
export function limitDepth(request: Request, _response: Response, next: NextFunction): void {
  next(depthExceeds(request.body, DEEPEST) ? new RondoError('request.invalid', `The body is nested more than ${DEEPEST} levels deep.`) : undefined);
}

function depthExceeds(body: unknown, deepest: number): boolean {
  let level = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : []));
  }
  return false;
}
