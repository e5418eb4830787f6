import { z } from 'zod';
import { RondoError } from '../../workflows/contract/errors.js';
import type { ModelPart, ModelReply, ModelStop, ModelUsage } from './model.port.js';
import { createReplyDraft } from './reply-draft.js';

const ToolCallDelta = z.object({
  index: z.number().nullish(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish() }).nullish(),
});

const Delta = z.object({
  content: z.union([z.string(), z.array(z.object({ type: z.string(), text: z.string().nullish() }))]).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(ToolCallDelta).nullish(),
});

const Usage = z.object({
  prompt_tokens: z.number().nullish(),
  completion_tokens: z.number().nullish(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
});

/**
 * A chunk as loosely as compatible servers write it. `message` stands in place of `delta` where a server answered with
 * one document instead of a stream.
 */
const Chunk = z.object({
  choices: z.array(z.object({ delta: Delta.nullish(), message: Delta.nullish(), finish_reason: z.string().nullish() })).nullish(),
  usage: Usage.nullish(),
});

type ToolCallDelta = z.infer<typeof ToolCallDelta>;

/**
 * Reads the chunks of one Chat Completions stream. `take` returns the parts of one chunk; `finish` the message, or
 * `undefined` if neither a finish reason nor the stream's end mark (`isDone`) was there. Copes with servers that send no usage (counted as 0), no ids, `null`
 * contents, whole arguments at once, and several calls under one index.
 */
export function createOpenAiReader(): { take(chunk: unknown): ModelPart[]; finish(isDone: boolean): ModelReply | undefined } {
  const draft = createReplyDraft();
  const calls = createCallTracker();
  let usage: ModelUsage = { inputTokens: 0, outputTokens: 0, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 };
  let finishReason: string | undefined;
  let isRefused = false;

  const takeCall = (delta: ToolCallDelta): ModelPart[] => {
    const { key, id } = calls.place(delta);
    const given = delta.function?.arguments ?? '';
    return [
      ...draft.toolUse(key, { id, name: delta.function?.name ?? '', input: {} }),
      ...draft.toolInput(key, typeof given === 'string' ? given : JSON.stringify(given)),
    ];
  };

  return {
    take(value) {
      const { choices, usage: counts } = parsed(value);
      if (counts) usage = toUsage(counts);
      const [choice] = choices ?? [];
      const delta = choice?.delta ?? choice?.message;
      finishReason = choice?.finish_reason ?? finishReason;
      if (delta?.refusal) isRefused = true;
      const text = textOf(delta?.content) + (delta?.refusal ?? '');
      const parts = [...(text === '' ? [] : draft.text('text', text)), ...(delta?.tool_calls ?? []).flatMap(takeCall)];
      return parts.length > 0 ? parts : [{ type: 'activity' }];
    },
    finish(isDone) {
      if (finishReason === undefined && !isDone) return undefined;
      return draft.finish(isRefused ? 'refusal' : stopOf(finishReason, draft.hasToolUse()), usage);
    },
  };
}

/**
 * Tells which call a fragment belongs to. A fragment opens a new call where its index is new, or where it names both a
 * tool and an id that differs from the open one's. Ids are the server's where it sent some, and unique in the reply.
 */
function createCallTracker(): { place(delta: ToolCallDelta): { key: string; id: string } } {
  const open = new Map<number, { key: string; id: string; sentId: string | undefined }>();
  const ids = new Set<string>();
  let count = 0;

  const freeId = (): string => {
    let number = count;
    while (ids.has(`call_${number}`)) number += 1;
    return `call_${number}`;
  };

  return {
    place(delta) {
      const isNamed = Boolean(delta.function?.name);
      const index = delta.index ?? (delta.id || isNamed ? count : count - 1);
      const known = open.get(index);
      if (known !== undefined && (!delta.id || !isNamed || known.sentId === delta.id)) return known;
      const id = delta.id && !ids.has(delta.id) ? delta.id : freeId();
      const call = { key: `call ${count}`, id, sentId: delta.id ?? undefined };
      ids.add(id);
      open.set(index, call);
      count += 1;
      return call;
    },
  };
}

function parsed(value: unknown): z.infer<typeof Chunk> {
  const result = Chunk.safeParse(value);
  if (result.success) return result.data;
  throw new RondoError('model.unavailable', 'The model provider sent a chunk that does not follow the Chat Completions protocol.');
}

function textOf(content: z.infer<typeof Delta>['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
}

/** The prompt's count includes what the cache answered. */
function toUsage({ prompt_tokens, completion_tokens, prompt_tokens_details }: z.infer<typeof Usage>): ModelUsage {
  const cached = prompt_tokens_details?.cached_tokens ?? 0;
  return {
    inputTokens: Math.max(0, (prompt_tokens ?? 0) - cached),
    outputTokens: completion_tokens ?? 0,
    cacheReadInputTokens: cached,
    cacheCreationInputTokens: 0,
  };
}

/** Servers disagree on the reason beside tool calls, so the calls themselves decide. */
function stopOf(finishReason: string | undefined, hasToolUse: boolean): ModelStop {
  if (finishReason === 'length') return 'max_tokens';
  if (finishReason === 'content_filter') return 'refusal';
  return hasToolUse ? 'tool_use' : 'end_turn';
}
