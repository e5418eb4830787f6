import type { ModelCall } from './conversation.js';
import type { ScriptedReply } from './script.js';

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
}

const CHARACTERS_PER_TOKEN = 4;
const tokens = (characters: number): number => Math.ceil(characters / CHARACTERS_PER_TOKEN);

/**
 * Token counts from text lengths, the same for the same request. Where the request asks for caching, the prompt up to
 * the last breakpoint counts as cached: what came before the last assistant message as read, the rest as written.
 */
export function usageOf(call: ModelCall, outputCharacters: number, scripted: ScriptedReply['usage'] = {}): Usage {
  const sizes = [call.preamble, ...call.messages].map(({ size, isCached }) => ({ size, isCached }));
  const sizeUpTo = (end: number): number => sizes.slice(0, end).reduce((sum, { size }) => sum + size, 0);
  const cachedEnd = sizes.findLastIndex(({ isCached }) => isCached) + 1;
  const lastAssistant = call.messages.findLastIndex(({ role }) => role === 'assistant');
  const readEnd = lastAssistant < 0 ? 0 : Math.min(cachedEnd, lastAssistant + 1);
  const read = tokens(sizeUpTo(readEnd));
  const created = tokens(sizeUpTo(cachedEnd)) - read;
  return {
    input_tokens: scripted.input_tokens ?? Math.max(1, tokens(sizeUpTo(sizes.length)) - read - created),
    output_tokens: scripted.output_tokens ?? Math.max(1, tokens(outputCharacters)),
    cache_read_input_tokens: scripted.cache_read_input_tokens ?? read,
    cache_creation_input_tokens: scripted.cache_creation_input_tokens ?? created,
  };
}
