import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import { EMPTY_MESSAGE, hasContent } from './empty-text.js';
import type { ModelBlock, ModelMessage, ModelRequest, ModelTool } from './model.port.js';
import { refuseFileSource } from './unsupported-block.js';

const CACHE = { cache_control: { type: 'ephemeral' as const } };

/**
 * The body of `POST /v1/messages`. Four cache breakpoints at most, the provider's limit: tools, system prompt, the last
 * user message, and the one before it, which is found again also when a step with many parallel calls lies between.
 */
export function toAnthropicRequest(request: ModelRequest) {
  const lastUsers = new Set(request.messages.filter((message) => message.role === 'user').slice(-2));
  return {
    model: request.model,
    max_tokens: request.maxOutputTokens,
    stream: true as const,
    messages: request.messages.flatMap((message) => toMessages(message, lastUsers.has(message))),
    ...(request.system?.trim() ? { system: [{ type: 'text' as const, text: request.system, ...CACHE }] } : {}),
    ...(request.tools.length > 0 ? { tools: request.tools.map((tool, index) => toTool(tool, index === request.tools.length - 1)) } : {}),
    ...(request.effort ? { output_config: { effort: request.effort } } : {}),
  };
}

function toTool({ name, description, input_schema }: ModelTool, isBreakpoint: boolean) {
  return { name, description, input_schema: { ...input_schema, type: 'object' as const }, ...(isBreakpoint ? CACHE : {}) };
}

function toMessages({ role, content }: ModelMessage, isBreakpoint: boolean) {
  const blocks = content.filter(hasContent);
  if (blocks.length === 0 && role === 'assistant') return [];
  const sent = blocks.length > 0 ? blocks : [EMPTY_MESSAGE];
  return [{ role, content: sent.map((block, index) => toBlock(block, isBreakpoint && index === sent.length - 1)) }];
}

function toBlock(block: ModelBlock, isBreakpoint: boolean) {
  const cache = isBreakpoint ? CACHE : {};
  switch (block.type) {
    case 'thinking':
    case 'redacted_thinking':
      return block;
    case 'tool_use':
      return { ...block, input: asObject(block.input), ...cache };
    case 'tool_result':
      return { ...block, content: block.content.filter(hasContent).map(toContent), ...cache };
    default:
      return { ...toContent(block), ...cache };
  }
}

function toContent(block: ResultBlock) {
  switch (block.type) {
    case 'text':
      return block;
    case 'search_result': {
      const { citations, ...rest } = block;
      return citations === undefined ? rest : { ...rest, citations };
    }
    case 'image':
      return { type: block.type, source: refuseFileSource(block.type, block.source) };
    case 'document':
      return { type: block.type, source: refuseFileSource(block.type, block.source), title: block.title ?? null, context: block.context ?? null };
  }
}

/** The API takes objects only; a model's broken JSON goes back to it as what it wrote. */
function asObject(input: unknown): Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input) ? { ...input } : { unparsed: input };
}
