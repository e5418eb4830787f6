import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { ERRORS, RondoError, type WireErrorType } from '../../../workflows/contract/errors.js';
import { contextOf } from './request-context.js';

/** The wire's error envelope (section 0.4). */
export interface ErrorEnvelope {
  readonly type: 'error';
  readonly error: { readonly type: WireErrorType; readonly message: string; readonly details?: Readonly<Record<string, unknown>> };
  readonly request_id: string;
}

const GENERIC_MESSAGE = 'Something failed inside Rondo. The request can be repeated; the request id finds it in the log.';

/** What a caller is told of an error: the one place where errors become the wire's envelope. */
export function toEnvelope(error: RondoError, requestId: string): ErrorEnvelope {
  const policy = ERRORS[error.code];
  const message = policy.public ? error.message : GENERIC_MESSAGE;
  return {
    type: 'error',
    error: { type: policy.type, message, ...(policy.public && error.details ? { details: error.details } : {}) },
    request_id: requestId,
  };
}

/** Everything thrown while a request is answered. Nest's and Express's own errors are put in our words: theirs tell parser internals. */
export function asRondoError(error: unknown, request: Pick<Request, 'method' | 'path'>): RondoError {
  if (error instanceof RondoError) return error;
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  switch (status) {
    case 400:
      return new RondoError('request.invalid', 'The request cannot be read: its body is not valid JSON, or its address is not validly encoded.', {
        cause: error,
      });
    case 404:
      return new RondoError('request.not_found', `There is no ${request.method} ${request.path.slice(0, 200)}; see /docs for what there is.`);
    case 413:
      return new RondoError('request.too_large', 'The body is larger than this server accepts (RONDO_MAX_BODY_BYTES).');
    case 415:
      return new RondoError('request.unsupported_media_type', 'The body must be application/json in UTF-8.');
    default:
      return new RondoError('internal', 'Unexpected error', { cause: error });
  }
}

const statusOf = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number' ? error.status : 500;

@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const context = host.switchToHttp();
    const response = context.getResponse<Response>();
    const error = asRondoError(thrown, context.getRequest<Request>());
    const { requestId } = contextOf(response);
    this.report(error, requestId);
    if (response.headersSent) {
      response.end();
      return;
    }
    const { http: status, retry } = ERRORS[error.code];
    // Clients repeat every 409 and 5xx unless they are told that it is useless (wire section 0.5).
    if (retry === 'never' && (status === 409 || status >= 500)) response.setHeader('x-should-retry', 'false');
    if (status === 503 || status === 429) response.setHeader('retry-after', String(Math.ceil((error.retryAfterMs ?? 1_000) / 1_000)));
    if (status === 401) response.setHeader('www-authenticate', 'Bearer');
    response.status(status).json(toEnvelope(error, requestId));
  }

  private report(error: RondoError, requestId: string): void {
    const level = ERRORS[error.code].http >= 500 ? 'error' : 'debug';
    const cause: unknown = error.cause;
    this.#log[level]({ requestId, code: error.code, cause: cause instanceof Error ? (cause.stack ?? cause.message) : undefined }, error.message);
  }
}
