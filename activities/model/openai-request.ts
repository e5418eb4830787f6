import type { ResultBlock } from '../../workflows/contract/schema/content.js';
import { EMPTY_MESSAGE, hasContent } from './empty-text.js';
import type { ModelBlock, ModelMessage, ModelRequest } from './model.port.js';
import { refuseFileSource, unsupportedBlock } from './unsupported-block.js';

type TextPart = { type: 'text'; text: string };
type ImagePart = { type: 'image_url'; image_url: { url: string } };
type Part = TextPart | ImagePart;

type ToolUse = Extract<ModelBlock, { type: 'tool_use' }>;
type ToolResult = Extract<ModelBlock, { type: 'tool_result' }>;

/**
 * The body of `POST /chat/completions`. `tokenLimit` is the name of the output limit: OpenAI's own newer models refuse
 * `max_tokens`, many compatible servers know nothing else.
 */
export function toOpenAiRequest(request: ModelRequest, tokenLimit: 'max_tokens' | 'max_completion_tokens') {
  const tools = request.tools.map(({ name, description, input_schema }) => ({
    type: 'function' as const,
    function: { name, description, parameters: { ...input_schema } },
  }));
  return {
    model: request.model,
    stream: true as const,
    stream_options: { include_usage: true },
    ...(tokenLimit === 'max_tokens' ? { max_tokens: request.maxOutputTokens } : { max_completion_tokens: request.maxOutputTokens }),
    messages: [...(request.system?.trim() ? [{ role: 'system' as const, content: request.system }] : []), ...request.messages.flatMap(toMessages)],
    ...(tools.length > 0 ? { tools } : {}),
    ...(request.effort ? { reasoning_effort: request.effort } : {}),
  };
}

type Message = ReturnType<typeof userMessages>[number] | ReturnType<typeof assistantMessages>[number];

const toMessages = (message: ModelMessage): Message[] => (message.role === 'user' ? userMessages(message) : assistantMessages(message));

/** Thinking is left out: this protocol has no place for it. */
function assistantMessages({ content }: ModelMessage) {
  const text = content.flatMap((block) => (block.type === 'text' && hasContent(block) ? [block.text] : [])).join('\n\n');
  const calls = content.filter((block): block is ToolUse => block.type === 'tool_use');
  if (text === '' && calls.length === 0) return [];
  return [
    {
      role: 'assistant' as const,
      // A message without text and calls is not sent, so `null` only ever stands beside calls, where the protocol allows it.
      content: text === '' ? null : text,
      ...(calls.length > 0 ? { tool_calls: calls.map(toToolCall) } : {}),
    },
  ];
}

function toToolCall({ id, name, input }: ToolUse) {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  // Servers parse the arguments of earlier calls, so broken ones go back inside of valid JSON.
  return { id, type: 'function' as const, function: { name, arguments: JSON.stringify(isObject ? input : { unparsed: input }) } };
}

/** Tool results must follow their calls at once, and hold text only: their images come in the user message behind them. */
function userMessages({ content }: ModelMessage) {
  const results = content.filter((block): block is ToolResult => block.type === 'tool_result');
  const inputs = content.filter((block) => block.type !== 'tool_result' && hasContent(block));
  const sent = inputs.length > 0 || results.length > 0 ? inputs : [EMPTY_MESSAGE];
  const parts = [...results.flatMap(imagesOfResult), ...sent.flatMap((block) => (isInput(block) ? [toPart(block)] : []))];
  return [
    ...results.map((result) => ({ role: 'tool' as const, tool_call_id: result.tool_use_id, content: textOfResult(result) })),
    ...(parts.length > 0 ? [{ role: 'user' as const, content: onlyText(parts) ?? parts }] : []),
  ];
}

const isInput = (block: ModelBlock): block is Extract<ModelBlock, { type: 'text' | 'image' | 'document' }> =>
  block.type === 'text' || block.type === 'image' || block.type === 'document';

/** A lone text goes as a plain string, the one form that every compatible server takes. */
function onlyText(parts: readonly Part[]): string | undefined {
  const [first] = parts;
  return parts.length === 1 && first?.type === 'text' ? first.text : undefined;
}

function imagesOfResult(result: ToolResult): Part[] {
  const images = result.content.flatMap((block) => (block.type === 'image' ? [toPart(block)] : []));
  return images.length === 0 ? [] : [{ type: 'text', text: `Images in the result of tool call ${result.tool_use_id}:` }, ...images];
}

function textOfResult({ content, is_error, tool_use_id }: ToolResult): string {
  const texts = content.filter(hasContent).map((block) => {
    if (block.type === 'image') return `(image, in the message after the results, under tool call ${tool_use_id})`;
    const part = toPart(block);
    return part.type === 'text' ? part.text : '';
  });
  const text = texts.join('\n\n') || '(no output)';
  return is_error ? `The tool call failed:\n${text}` : text;
}

function toPart(block: ResultBlock): Part {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image': {
      const source = refuseFileSource(block.type, block.source);
      const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
      return { type: 'image_url', image_url: { url } };
    }
    case 'document': {
      const source = refuseFileSource(block.type, block.source);
      if (source.type !== 'text') {
        throw unsupportedBlock(
          `a block of type document with a source of type ${source.type} over the OpenAI protocol`,
          'send its text (source type text) or pages as images',
        );
      }
      return { type: 'text', text: withHeading([block.title, block.context], source.data) };
    }
    case 'search_result':
      return { type: 'text', text: withHeading([block.title, block.source], block.content.map(({ text }) => text).join('\n\n')) };
  }
}

const withHeading = (headings: readonly (string | null | undefined)[], text: string): string => [...headings.filter(Boolean), '', text].join('\n').trimStart();
