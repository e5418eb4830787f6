import type { InputBlock, ResultBlock } from '../../workflows/contract/schema/content.js';

/**
 * A block of a conversation in Anthropic's Messages form, the canonical form of every provider here.
 * The `input` of a `tool_use` is whatever JSON the model wrote, to be validated by the reader; where the model's text was
 * no JSON at all, `input` is that text as a string, so that the refusal can quote it.
 */
export type ModelBlock =
  | InputBlock
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown }
  | {
      readonly type: 'tool_result';
      readonly tool_use_id: string;
      readonly content: readonly ResultBlock[];
      readonly is_error: boolean;
    }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'redacted_thinking'; readonly data: string };

export interface ModelMessage {
  readonly role: 'user' | 'assistant';
  readonly content: readonly ModelBlock[];
}

export interface ModelTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly input_schema: Readonly<Record<string, unknown>>;
}

export interface ModelRequest {
  /** The id without its provider prefix, as the provider knows it. */
  readonly model: string;
  readonly effort?: 'low' | 'medium' | 'high' | 'xhigh' | 'max';
  readonly system?: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ModelTool[];
  readonly maxOutputTokens: number;
}

/** Tokens of one model request. `inputTokens` excludes what the cache answered or stored. */
export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheCreationInputTokens: number;
}

export type ModelStop = 'end_turn' | 'tool_use' | 'max_tokens' | 'stop_sequence' | 'refusal';

export interface ModelReply {
  /** text, tool_use, thinking and redacted_thinking blocks, in the provider's order. */
  readonly content: readonly ModelBlock[];
  readonly stop: ModelStop;
  readonly usage: ModelUsage;
}

/**
 * What a provider's stream yields. Exactly one `reply`, last. `activity` stands for any other bytes that arrived
 * (pings, tool input fragments, thinking): it feeds the stall watchdog and nothing else.
 */
export type ModelPart =
  | { readonly type: 'text_start'; readonly block: number }
  | { readonly type: 'text_delta'; readonly block: number; readonly text: string }
  | { readonly type: 'thinking_start'; readonly block: number }
  | { readonly type: 'activity' }
  | { readonly type: 'reply'; readonly reply: ModelReply };

/**
 * One provider. `stream` never retries: Temporal does. Aborting `signal` closes the provider's connection.
 * Errors are `RondoError`s with a `model.*` code, `retryAfterMs` where the provider named a time.
 */
export interface ModelPort {
  stream(request: ModelRequest, options: { readonly signal: AbortSignal }): AsyncIterable<ModelPart>;
}
