import Anthropic from '@anthropic-ai/sdk';
import { RondoError } from '../../workflows/contract/errors.js';
import { connectionError, type ErrorContext, providerError } from './provider-error.js';

/** Whatever the Anthropic SDK or its connection throws, as the `RondoError` it means for us. */
export function anthropicError(error: unknown, context: ErrorContext): RondoError {
  if (error instanceof RondoError) return error;
  if (error instanceof Anthropic.APIError && (error.status !== undefined || error.type !== null)) {
    const { status, headers, type, apiMessage } = error;
    return providerError({ ...context, status, headers, type: type ?? undefined, message: apiMessage ?? error.message });
  }
  return connectionError(error, context);
}
