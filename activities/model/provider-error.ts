import { type ErrorCode, RondoError } from '../../workflows/contract/errors.js';
import { retryAfterMs } from './retry-after.js';

/** How messages speak of a provider. */
export interface ProviderLabel {
  readonly name: string;
  /** The environment variable that holds its key. */
  readonly keyVariable: string;
}

/** Which request an error belongs to. */
export interface ErrorContext {
  readonly provider: ProviderLabel;
  readonly model: string;
  /** Host and port of the provider. */
  readonly host: string;
  /** The key that was sent: careless servers quote it. */
  readonly apiKey?: string | undefined;
}

/** What a provider said when it did not answer as asked. */
export interface ProviderFailure extends ErrorContext {
  /** HTTP status; absent for an error inside a stream that began well. */
  readonly status?: number | undefined;
  /** The provider's own name of the error, such as `overloaded_error`. */
  readonly type?: string | undefined;
  readonly message: string;
  readonly headers?: Headers | undefined;
}

const LONGEST_MESSAGE = 500;

/**
 * One rule for every provider: what its failure means for us. The vendor's error object is not kept as `cause`: it
 * carries the unbounded answer, and causes travel into Temporal's history.
 */
export function providerError(failure: ProviderFailure): RondoError {
  const { provider, model, status, type } = failure;
  const wait = retryAfterMs(failure.headers);
  const said = [status, type].filter((part) => part !== undefined).join(' ') || 'error in the stream';
  // Before the text is cut: of half a key nobody could tell later that it is one.
  const message = failure.apiKey ? failure.message.replaceAll(failure.apiKey, '[redacted]') : failure.message;
  const text = `${provider.name} answered ${said} for model ${model}: ${message || 'no message'}`;
  return new RondoError(codeOf(failure), `${bounded(text)}${remedy(failure)}`, wait === undefined ? {} : { retryAfterMs: wait });
}

/**
 * A request that never reached the provider, or an answer that broke off. Only error codes are repeated: the messages of
 * the network layers may quote headers.
 */
export function connectionError(error: unknown, { provider, model, host }: ErrorContext): RondoError {
  const what = `The connection to ${provider.name} at ${host} failed (${causeCode(error)}) while it was asked for model ${model}`;
  return new RondoError('model.unavailable', `${what}; check that the address is right and reachable.`);
}

/** A stream that ended well for the network, but before the model's answer did. */
export function incompleteAnswer({ provider, model }: ErrorContext): RondoError {
  return new RondoError('model.unavailable', `${provider.name} ended the stream for model ${model} before the answer was complete.`);
}

/** The code nearest to the root of a chain of causes, such as ECONNREFUSED, or the error's name. */
function causeCode(error: unknown): string {
  let code = error instanceof Error ? error.name : 'unknown error';
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') code = current.code;
    current = current.cause;
  }
  return code;
}

/** Cuts foreign text to a length that is safe to store and show. */
function bounded(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST_MESSAGE ? line : `${line.slice(0, LONGEST_MESSAGE - 1)}…`;
}

function codeOf({ status, type, headers }: ProviderFailure): ErrorCode {
  const mayRetry = headers?.get('x-should-retry');
  if (mayRetry === 'false') return 'model.request_failed';
  const code = status === undefined ? codeOfType(type) : codeOfStatus(status, type);
  return code === 'model.request_failed' && mayRetry === 'true' ? 'model.unavailable' : code;
}

function codeOfStatus(status: number, type: string | undefined): ErrorCode {
  if (type === 'insufficient_quota') return 'model.request_failed';
  if (status === 429) return 'model.rate_limited';
  if (status === 503 || status === 529 || type === 'overloaded_error') return 'model.overloaded';
  if (status === 408 || status >= 500) return 'model.unavailable';
  return 'model.request_failed';
}

/** An error in the middle of a stream has no status of its own; a type nobody knows is tried again. */
function codeOfType(type: string | undefined): ErrorCode {
  switch (type) {
    case 'overloaded_error':
    case 'engine_overloaded_error':
      return 'model.overloaded';
    case 'rate_limit_error':
    case 'rate_limit_exceeded':
      return 'model.rate_limited';
    case 'invalid_request_error':
    case 'authentication_error':
    case 'billing_error':
    case 'permission_error':
    case 'not_found_error':
    case 'request_too_large':
    case 'insufficient_quota':
    case 'context_length_exceeded':
      return 'model.request_failed';
    default:
      return 'model.unavailable';
  }
}

function remedy({ status, provider }: ProviderFailure): string {
  if (status === 401 || status === 403) return ` Check ${provider.keyVariable}.`;
  if (status === 404) return ' Check the model id.';
  return '';
}
