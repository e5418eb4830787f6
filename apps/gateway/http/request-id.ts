import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { newId } from '../../../infra/ids.js';

/** Gives every request its id, answered as `request-id`, and writes one log line when it ends. Never logs a query or a body. */
export const requestId = (log: Logger) => (request: Request, response: Response, next: NextFunction) => {
  const id = newId('request');
  const began = performance.now();
  response.locals['requestId'] = id;
  response.setHeader('request-id', id);
  response.once('close', () => {
    const ms = Math.round(performance.now() - began);
    log.debug({ requestId: id, method: request.method, path: request.path, status: response.statusCode, ms }, 'request');
  });
  next();
};
