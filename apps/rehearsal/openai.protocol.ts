import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Message, ModelCall } from './conversation.js';
import { type Frame, inputText, type Protocol, pieces, type ReplyContext, words } from './protocol.js';
import type { ScriptedReply } from './script.js';
import type { Usage } from './usage.js';

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Content = z.union([z.string(), z.array(Part)]).nullish();
const RequestMessage = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Content,
  tool_calls: z.array(z.object({ id: z.string() })).nullish(),
  tool_call_id: z.string().nullish(),
});
const Request = z.looseObject({
  model: z.string().min(1),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  tools: z.array(z.unknown()).nullish(),
  messages: z.array(RequestMessage).min(1),
});

/** The OpenAI Chat Completions protocol. Tool call ids are `call_0`, `call_1`, … again in every reply, as some servers have it. */
export const openAiProtocol: Protocol = {
  readCall(body): ModelCall {
    const request = Request.parse(body);
    const system = request.messages.filter(isSystem);
    const size = system.length === 0 && !request.tools ? 0 : JSON.stringify([system, request.tools ?? []]).length;
    return {
      model: request.model,
      isStream: request.stream ?? false,
      preamble: { size, isCached: false },
      messages: request.messages.filter((message) => !isSystem(message)).map(toMessage),
    };
  },
  document: (reply, context) => ({
    ...head(context, 'chat.completion'),
    choices: [{ index: 0, message: messageOf(reply), logprobs: null, finish_reason: finishReasonOf(reply) }],
    usage: usageCounts(context.usage),
  }),
  frames,
  ping: ': keep-alive\n\n',
  errorDocument: ({ type, message }) => ({ error: { message, type, param: null, code: null } }),
  errorFrame: ({ type, message }) => event({ error: { message, type, param: null, code: null } }),
};

const isSystem = ({ role }: { role: string }): boolean => role === 'system' || role === 'developer';

function toMessage(
  { role, content, tool_calls, tool_call_id }: z.infer<typeof RequestMessage>,
  index: number,
  all: readonly z.infer<typeof RequestMessage>[],
): Message {
  const text = textOf(content);
  const isInput = role === 'user' && !isImagesOfResults(content, all[index - 1]?.role);
  return {
    role: role === 'assistant' ? 'assistant' : 'user',
    text: isInput ? text || undefined : undefined,
    // The protocol has no mark for failed calls; Rondo says it in the text.
    results: role === 'tool' ? [{ callId: tool_call_id ?? '', text, isError: text.startsWith('The tool call failed:') }] : [],
    callIds: (tool_calls ?? []).map(({ id }) => id),
    size: JSON.stringify(content ?? '').length,
    isCached: false,
  };
}

/** Tool messages hold no images, so those come in a user message behind them: it ends in an image and is no input. */
function isImagesOfResults(content: z.infer<typeof Content>, before: string | undefined): boolean {
  return before === 'tool' && Array.isArray(content) && content.at(-1)?.type === 'image_url';
}

function textOf(content: z.infer<typeof Content>): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap(({ type, text }) => (type === 'text' && text ? [text] : [])).join('\n');
}

function head({ model }: ReplyContext, object: string) {
  return { id: `chatcmpl-${randomBytes(12).toString('hex')}`, object, created: Math.floor(Date.now() / 1000), model };
}

function messageOf({ text, thinking, tool_calls = [] }: ScriptedReply) {
  return {
    role: 'assistant',
    content: text ?? null,
    refusal: null,
    ...(thinking ? { reasoning_content: thinking } : {}),
    ...(tool_calls.length > 0 ? { tool_calls: tool_calls.map(({ name, input, id }, index) => toolCall(id ?? `call_${index}`, name, inputText(input))) } : {}),
  };
}

const toolCall = (id: string, name: string, json: string) => ({ id, type: 'function', function: { name, arguments: json } });

function* frames(reply: ScriptedReply, context: ReplyContext): Generator<Frame> {
  const common = head(context, 'chat.completion.chunk');
  const frame = (delta: object, finish: string | null = null, isChunk = false): Frame => ({
    bytes: event({ ...common, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] }),
    isChunk,
  });
  yield frame({ role: 'assistant', content: null });
  for (const word of words(reply.thinking ?? '')) yield frame({ reasoning_content: word }, null, true);
  for (const word of words(reply.text ?? '')) yield frame({ content: word }, null, true);
  for (const delta of callDeltas(reply)) yield frame({ tool_calls: [delta] }, null, true);
  yield frame({}, finishReasonOf(reply));
  const { stream_options } = Request.parse(context.body);
  if (stream_options?.include_usage) yield { bytes: event({ ...common, choices: [], usage: usageCounts(context.usage) }), isChunk: false };
  yield { bytes: 'data: [DONE]\n\n', isChunk: false };
}

/** The beginnings of all calls, then the pieces of their arguments in turn: the index alone tells which is whose. */
function* callDeltas({ tool_calls = [] }: ScriptedReply): Generator<object> {
  for (const [index, { id, name }] of tool_calls.entries()) yield { index, ...toolCall(id ?? `call_${index}`, name, '') };
  const rows = tool_calls.map(({ input }) => pieces(inputText(input)));
  const longest = Math.max(0, ...rows.map((row) => row.length));
  for (let column = 0; column < longest; column += 1) {
    for (const [index, row] of rows.entries()) {
      const piece = row[column];
      if (piece !== undefined) yield { index, function: { arguments: piece } };
    }
  }
}

function finishReasonOf({ stop_reason, tool_calls = [] }: ScriptedReply): string {
  if (stop_reason === 'max_tokens') return 'length';
  if (stop_reason === 'refusal') return 'content_filter';
  return tool_calls.length > 0 ? 'tool_calls' : 'stop';
}

function usageCounts({ input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens }: Usage) {
  const prompt = input_tokens + cache_read_input_tokens + cache_creation_input_tokens;
  return {
    prompt_tokens: prompt,
    completion_tokens: output_tokens,
    total_tokens: prompt + output_tokens,
    prompt_tokens_details: { cached_tokens: cache_read_input_tokens },
  };
}

const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
