import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Message, ModelCall } from './conversation.js';
import { type Frame, inputText, type Protocol, pieces, type ReplyContext, words } from './protocol.js';
import type { ScriptedReply } from './script.js';

const Block = z
  .looseObject({ type: z.string(), cache_control: z.unknown().optional() })
  .refine(
    (block) => block.type !== 'text' || (typeof block['text'] === 'string' && /\S/.test(block['text'])),
    'text content blocks must contain non-whitespace text',
  );
const Content = z.union([z.string(), z.array(Block)]);
const Request = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.number().int().min(1),
  stream: z.boolean().optional(),
  system: Content.optional(),
  tools: z.array(z.looseObject({ name: z.string(), cache_control: z.unknown().optional() })).optional(),
  messages: z.array(z.object({ role: z.enum(['user', 'assistant']), content: Content })).min(1),
});

type Content = z.infer<typeof Content>;

/** The Anthropic Messages protocol. */
export const anthropicProtocol: Protocol = {
  readCall(body): ModelCall {
    const request = Request.parse(body);
    const preamble = [...blocksOf(request.system ?? []), ...(request.tools ?? [])];
    return {
      model: request.model,
      isStream: request.stream ?? false,
      preamble: { size: preamble.length === 0 ? 0 : JSON.stringify(preamble).length, isCached: preamble.some(isCached) },
      messages: request.messages.map(toMessage),
    };
  },
  document: (reply, context) => ({ ...messageHead(context), content: contentOf(reply), stop_reason: stopOf(reply), usage: context.usage }),
  frames,
  ping: event({ type: 'ping' }),
  errorDocument: ({ type, message }) => ({ type: 'error', error: { type, message }, request_id: `req_${randomText()}` }),
  errorFrame: ({ type, message }) => event({ type: 'error', error: { type, message } }),
};

function toMessage({ role, content }: { role: 'user' | 'assistant'; content: Content }): Message {
  const blocks = blocksOf(content);
  const text = role === 'user' ? textOf(blocks) : undefined;
  const results = blocks.filter(({ type }) => type === 'tool_result');
  return {
    role,
    text: text || undefined,
    results: results.map((block) => ({
      callId: String(block['tool_use_id']),
      text: textOf(blocksOf(Content.catch([]).parse(block['content']))),
      isError: block['is_error'] === true,
    })),
    callIds: blocks.flatMap((block) => (block.type === 'tool_use' ? [String(block['id'])] : [])),
    size: JSON.stringify(content).length,
    isCached: blocks.some(isCached),
  };
}

const blocksOf = (content: Content): z.infer<typeof Block>[] => (typeof content === 'string' ? [{ type: 'text', text: content }] : content);
const textOf = (blocks: readonly z.infer<typeof Block>[]): string =>
  blocks.flatMap((block) => (block.type === 'text' && typeof block['text'] === 'string' ? [block['text']] : [])).join('\n');
const isCached = ({ cache_control }: { cache_control?: unknown }): boolean => cache_control != null;

function messageHead({ model }: ReplyContext) {
  return { id: `msg_${randomText()}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null };
}

/** The finished blocks of a reply. */
function contentOf({ thinking, text, tool_calls = [] }: ScriptedReply) {
  return [
    ...(thinking ? [{ type: 'thinking', thinking, signature: signatureOf(thinking) }] : []),
    ...(text ? [{ type: 'text', text }] : []),
    ...tool_calls.map(({ id, name, input }) => ({ type: 'tool_use', id: id ?? `toolu_${randomText()}`, name, input })),
  ];
}

function* frames(reply: ScriptedReply, context: ReplyContext): Generator<Frame> {
  const { output_tokens: _, ...input } = context.usage;
  yield frame({ type: 'message_start', message: { ...messageHead(context), usage: { ...input, output_tokens: 1 } } });
  yield { bytes: anthropicProtocol.ping, isChunk: false };
  let index = 0;
  for (const block of blockFrames(reply)) {
    yield frame({ type: 'content_block_start', index, content_block: block.start });
    for (const delta of block.deltas) yield frame({ type: 'content_block_delta', index, delta }, true);
    yield frame({ type: 'content_block_stop', index });
    index += 1;
  }
  yield frame({ type: 'message_delta', delta: { stop_reason: stopOf(reply), stop_sequence: null }, usage: context.usage });
  yield frame({ type: 'message_stop' });
}

/** Each block as its empty beginning and the deltas that fill it. */
function* blockFrames({ thinking, text, tool_calls = [] }: ScriptedReply): Generator<{ start: object; deltas: object[] }> {
  if (thinking) {
    const deltas = words(thinking).map((word) => ({ type: 'thinking_delta', thinking: word }));
    yield { start: { type: 'thinking', thinking: '', signature: '' }, deltas: [...deltas, { type: 'signature_delta', signature: signatureOf(thinking) }] };
  }
  if (text) yield { start: { type: 'text', text: '' }, deltas: words(text).map((word) => ({ type: 'text_delta', text: word })) };
  for (const { id, name, input } of tool_calls) {
    const start = { type: 'tool_use', id: id ?? `toolu_${randomText()}`, name, input: {} };
    yield { start, deltas: pieces(inputText(input)).map((piece) => ({ type: 'input_json_delta', partial_json: piece })) };
  }
}

const stopOf = ({ stop_reason, tool_calls = [] }: ScriptedReply): string => stop_reason ?? (tool_calls.length > 0 ? 'tool_use' : 'end_turn');
const signatureOf = (thinking: string): string => Buffer.from(`rehearsal:${thinking.length}`).toString('base64');
const randomText = (): string => randomBytes(12).toString('hex');

/** What the protocol calls an event: its type is its name on the stream, too. */
type StreamEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

function event(data: StreamEvent): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

const frame = (data: StreamEvent, isChunk = false): Frame => ({ bytes: event(data), isChunk });
