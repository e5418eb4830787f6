import Anthropic from '@anthropic-ai/sdk';
import { RondoError } from '../../workflows/contract/errors.js';
import { anthropicError } from './anthropic.errors.js';
import { createAnthropicReader } from './anthropic-events.js';
import { toAnthropicRequest } from './anthropic-request.js';
import type { ModelPart, ModelPort, ModelRequest } from './model.port.js';
import { type ErrorContext, incompleteAnswer, type ProviderLabel } from './provider-error.js';
import { streamProvider } from './provider-stream.js';

export interface AnthropicOptions {
  /** Left out for servers that ask for none. */
  readonly apiKey?: string;
  readonly baseURL?: string;
  /** Milliseconds without a byte after which a stream is cut with `model.stalled`. */
  readonly stallMs: number;
  /** How messages name the provider, where it is not Anthropic itself. */
  readonly label?: ProviderLabel;
}

const ANTHROPIC: ProviderLabel = { name: 'Anthropic', keyVariable: 'ANTHROPIC_API_KEY' };
const PUBLIC_URL = 'https://api.anthropic.com';

/** A model behind the Anthropic Messages protocol, with prompt caching. */
export function createAnthropicModel(options: AnthropicOptions): ModelPort {
  const baseURL = options.baseURL ?? PUBLIC_URL;
  const client = new Anthropic({
    baseURL,
    maxRetries: 0,
    // Without an explicit key the SDK would look for credentials in the environment and the home directory.
    apiKey: options.apiKey ?? 'none',
    ...(options.apiKey === undefined ? { defaultHeaders: { Authorization: null } } : {}),
    // The stall watchdog is the only clock; the SDK's own must not come first.
    timeout: options.stallMs * 2,
    // At its debug level, which an environment variable can turn on, the SDK logs requests.
    logLevel: 'off',
    openTelemetry: false,
  });
  const provider = options.label ?? ANTHROPIC;
  return {
    async *stream(request, { signal }) {
      const context = { provider, model: request.model, host: new URL(baseURL).host, apiKey: options.apiKey };
      try {
        yield* streamMessage(client, request, context, { signal, stallMs: options.stallMs });
      } catch (error) {
        signal.throwIfAborted();
        throw anthropicError(error, context);
      }
    },
  };
}

async function* streamMessage(
  client: Anthropic,
  request: ModelRequest,
  context: ErrorContext,
  limits: { readonly signal: AbortSignal; readonly stallMs: number },
): AsyncGenerator<ModelPart> {
  const body = toAnthropicRequest(request);
  const reader = createAnthropicReader();
  const events = streamProvider({
    provider: context.provider.name,
    model: context.model,
    send: (signal) => client.messages.create(body, { signal }).asResponse(),
    isLast: (data) => data.includes('"message_stop"'),
    ...limits,
  });
  for await (const data of events) {
    if (data === undefined) {
      yield { type: 'activity' };
      continue;
    }
    const event = parsedEvent(data);
    yield* reader.take(event);
    const reply = reader.reply();
    if (reply === undefined) continue;
    yield { type: 'reply', reply };
    return;
  }
  throw incompleteAnswer(context);
}

/** Parses the data of one event; an `error` event becomes the SDK's own error, as its decoder would throw it. */
function parsedEvent(data: string): unknown {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    throw new RondoError('model.unavailable', 'The model provider sent a stream event that is not JSON.');
  }
  if (typeof event === 'object' && event !== null && 'type' in event && event.type === 'error') {
    throw new Anthropic.APIError(undefined, event, undefined, undefined);
  }
  return event;
}
