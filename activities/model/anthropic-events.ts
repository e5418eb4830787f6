import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import type { ModelPart, ModelReply, ModelStop, ModelUsage } from './model.port.js';
import { createReplyDraft } from './reply-draft.js';

const Usage = z.object({
  input_tokens: z.number().nullish(),
  output_tokens: z.number().nullish(),
  cache_read_input_tokens: z.number().nullish(),
  cache_creation_input_tokens: z.number().nullish(),
});

/** The stream's events as far as they are used; blocks and deltas of other types are signs of life and nothing more. */
const StreamEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: z.object({ usage: Usage.nullish() }) }),
  z.object({
    type: z.literal('content_block_start'),
    index: z.number(),
    content_block: z.object({
      type: z.string(),
      text: z.string().optional(),
      thinking: z.string().optional(),
      signature: z.string().optional(),
      data: z.string().optional(),
      id: z.string().optional(),
      name: z.string().optional(),
      input: z.unknown().optional(),
    }),
  }),
  z.object({
    type: z.literal('content_block_delta'),
    index: z.number(),
    delta: z.object({
      type: z.string(),
      text: z.string().optional(),
      thinking: z.string().optional(),
      signature: z.string().optional(),
      partial_json: z.string().optional(),
    }),
  }),
  z.object({ type: z.literal('message_delta'), delta: z.object({ stop_reason: z.string().nullish() }), usage: Usage.nullish() }),
  z.object({ type: z.literal('message_stop') }),
]);

type StreamEvent = z.infer<typeof StreamEvent>;
type UsageCounts = z.infer<typeof Usage>;

const KNOWN_TYPES = new Set<unknown>(StreamEvent.options.map((option) => option.shape.type.value));

/**
 * Reads the events of one Messages stream. `take` returns the parts of one event; `reply` the finished message once
 * `message_stop` was there, before that `undefined`.
 */
export function createAnthropicReader(): { take(event: unknown): ModelPart[]; reply(): ModelReply | undefined } {
  const draft = createReplyDraft();
  let usage: UsageCounts = {};
  let stop: ModelStop = 'end_turn';
  let isStopped = false;

  const take = (event: StreamEvent): ModelPart[] => {
    switch (event.type) {
      case 'message_start':
        usage = merged(usage, event.message.usage);
        return [];
      case 'content_block_start':
        return startBlock(event);
      case 'content_block_delta':
        return addDelta(event);
      case 'message_delta':
        usage = merged(usage, event.usage);
        stop = stopOf(event.delta.stop_reason) ?? stop;
        return [];
      case 'message_stop':
        isStopped = true;
        return [];
    }
  };

  const startBlock = ({ index, content_block: block }: Extract<StreamEvent, { type: 'content_block_start' }>): ModelPart[] => {
    switch (block.type) {
      case 'text':
        return draft.text(index, block.text ?? '');
      case 'thinking':
        return draft.thinking(index, block);
      case 'redacted_thinking':
        return draft.redactedThinking(index, block.data ?? '');
      case 'tool_use':
        return draft.toolUse(index, { id: block.id ?? '', name: block.name ?? '', input: block.input ?? {} });
      default:
        return [];
    }
  };

  const addDelta = ({ index, delta }: Extract<StreamEvent, { type: 'content_block_delta' }>): ModelPart[] => {
    switch (delta.type) {
      case 'text_delta':
        return draft.text(index, delta.text ?? '');
      case 'thinking_delta':
      case 'signature_delta':
        return draft.thinking(index, delta);
      case 'input_json_delta':
        return draft.toolInput(index, delta.partial_json ?? '');
      default:
        return [];
    }
  };

  return {
    take(event) {
      const parts = isKnown(event) ? take(parsed(event)) : [];
      return parts.length > 0 ? parts : [{ type: 'activity' }];
    },
    reply: () => (isStopped ? draft.finish(stop, toUsage(usage)) : undefined),
  };
}

/** The provider adds event types over time (`ping` is one); those are no error. */
function isKnown(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'type' in event && KNOWN_TYPES.has(event.type);
}

function parsed(event: unknown): StreamEvent {
  const result = StreamEvent.safeParse(event);
  if (result.success) return result.data;
  throw new RondoError('model.unavailable', 'The model provider sent a stream event that does not follow the Messages protocol.');
}

/** Later counts replace earlier ones; what a later event leaves out stays. */
function merged(counts: UsageCounts, later: UsageCounts | null | undefined): UsageCounts {
  const given = Object.entries(later ?? {}).filter(([, count]) => count != null);
  return { ...counts, ...Object.fromEntries(given) };
}

function toUsage(counts: UsageCounts): ModelUsage {
  return {
    inputTokens: counts.input_tokens ?? 0,
    outputTokens: counts.output_tokens ?? 0,
    cacheReadInputTokens: counts.cache_read_input_tokens ?? 0,
    cacheCreationInputTokens: counts.cache_creation_input_tokens ?? 0,
  };
}

function stopOf(reason: string | null | undefined): ModelStop | undefined {
  switch (reason) {
    case null:
    case undefined:
      return undefined;
    case 'tool_use':
    case 'max_tokens':
    case 'stop_sequence':
    case 'refusal':
      return reason;
    case 'model_context_window_exceeded':
      return 'max_tokens';
    default:
      return 'end_turn';
  }
}
