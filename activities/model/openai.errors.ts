import OpenAI from 'openai';
import { RondoError } from '../../workflows/contract/errors.js';
import { connectionError, type ErrorContext, providerError } from './provider-error.js';

/** Whatever the OpenAI SDK or its connection throws, as the `RondoError` it means for us. */
export function openAiError(error: unknown, context: ErrorContext): RondoError {
  if (error instanceof RondoError) return error;
  if (!(error instanceof OpenAI.APIError) || error instanceof OpenAI.APIConnectionError) return connectionError(error, context);
  // Compatible servers also write the status as a number into `code`.
  const code: unknown = error.code;
  const type = typeof code === 'string' ? code : error.type;
  const status = error.status ?? (typeof code === 'number' ? code : undefined);
  return providerError({ ...context, status, headers: error.headers, type, message: messageOf(error.error) ?? error.message });
}

/** Compatible servers put their message into an object, a string or a field of another name. */
function messageOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null) return undefined;
  return 'message' in body && typeof body.message === 'string' ? body.message : JSON.stringify(body);
}
