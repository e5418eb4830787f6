import OpenAI from 'openai';
import { RondoError } from '../../workflows/contract/errors.js';
import type { ModelPart, ModelPort } from './model.port.js';
import { openAiError } from './openai.errors.js';
import { createOpenAiReader } from './openai-chunks.js';
import { toOpenAiRequest } from './openai-request.js';
import { type ErrorContext, incompleteAnswer, type ProviderLabel } from './provider-error.js';
import { streamProvider } from './provider-stream.js';

export interface OpenAiOptions {
  /** Left out for local servers that ask for none. */
  readonly apiKey?: string;
  /** Address up to and including `/v1`, where the server has that. */
  readonly baseURL?: string;
  /** Milliseconds without a byte after which a stream is cut with `model.stalled`. */
  readonly stallMs: number;
}

const PROVIDER: ProviderLabel = { name: 'The OpenAI-compatible server', keyVariable: 'OPENAI_API_KEY' };
const PUBLIC_URL = 'https://api.openai.com/v1';
const END_MARK = '[DONE]';

/** A model behind the OpenAI Chat Completions protocol: OpenAI's own, or any compatible server's. */
export function createOpenAiModel(options: OpenAiOptions): ModelPort {
  const baseURL = options.baseURL ?? PUBLIC_URL;
  const { host, hostname } = new URL(baseURL);
  const client = new OpenAI({
    baseURL,
    maxRetries: 0,
    // Every credential is given, so that the SDK reads none from the environment.
    apiKey: options.apiKey ?? 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    ...(options.apiKey === undefined ? { defaultHeaders: { Authorization: null } } : {}),
    // The stall watchdog is the only clock; the SDK's own must not come first.
    timeout: options.stallMs * 2,
    // At its debug level, which an environment variable can turn on, the SDK logs requests.
    logLevel: 'off',
  });
  const tokenLimit = /(^|\.)openai\.(com|azure\.com)$/.test(hostname) ? 'max_completion_tokens' : 'max_tokens';
  return {
    async *stream(request, { signal }) {
      const context = { provider: PROVIDER, model: request.model, host, apiKey: options.apiKey };
      try {
        const body = toOpenAiRequest(request, tokenLimit);
        yield* streamCompletion((abort) => client.chat.completions.create(body, { signal: abort }).asResponse(), context, { signal, stallMs: options.stallMs });
      } catch (error) {
        signal.throwIfAborted();
        throw openAiError(error, context);
      }
    },
  };
}

async function* streamCompletion(
  send: (signal: AbortSignal) => Promise<Response>,
  context: ErrorContext,
  limits: { readonly signal: AbortSignal; readonly stallMs: number },
): AsyncGenerator<ModelPart> {
  const reader = createOpenAiReader();
  let isDone = false;
  const isLast = (data: string): boolean => data.trim() === END_MARK;
  for await (const data of streamProvider({ provider: context.provider.name, model: context.model, send, isLast, ...limits })) {
    if (data === undefined) yield { type: 'activity' };
    else if (isLast(data)) {
      isDone = true;
      break;
    } else yield* reader.take(parsedChunk(data));
  }
  const reply = reader.finish(isDone);
  if (reply === undefined) throw incompleteAnswer(context);
  yield { type: 'reply', reply };
}

/** Parses the data of one event; an error inside a stream that began well becomes the SDK's own error. */
function parsedChunk(data: string): unknown {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    throw new RondoError('model.unavailable', 'The model provider sent a chunk that is not JSON.');
  }
  if (typeof chunk === 'object' && chunk !== null && 'error' in chunk && chunk.error) {
    const error = typeof chunk.error === 'object' ? chunk.error : { message: typeof chunk.error === 'string' ? chunk.error : JSON.stringify(chunk.error) };
    throw new OpenAI.APIError(undefined, error, undefined, undefined);
  }
  return chunk;
}
