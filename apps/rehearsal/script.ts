import { z } from 'zod';

const count = z.number().int().min(0);
const milliseconds = z.number().min(0);

/** An answer that is an error. Without `times` it is always played; with it the first `times` requests of the turn fail, then the reply is played. */
const ScriptedError = z.strictObject({
  status: z.number().int().min(400).max(599).default(500),
  type: z.string().default('api_error'),
  message: z.string().default('A scripted error.'),
  headers: z.record(z.string(), z.string()).optional(),
  times: z.number().int().min(1).optional(),
  /** Puts the API key that came with the request into the message, as careless servers do. */
  echo_key: z.boolean().optional(),
  /** The error comes inside of a stream that began with status 200, behind this many chunks. */
  after_chunks: count.optional(),
});

const ToolCall = z.strictObject({
  name: z.string().min(1),
  /** An object, or a string that is sent as it stands, for input that is no JSON. */
  input: z.union([z.record(z.string(), z.unknown()), z.string()]).default({}),
  id: z.string().optional(),
});

/** One assistant message and how it is delivered. A chunk is a word of text or thinking, or a piece of a tool input. */
export const ScriptedReply = z.strictObject({
  when: z.strictObject({ last_result_contains: z.string().optional(), last_result_is_error: z.boolean().optional() }).optional(),
  thinking: z.string().optional(),
  text: z.string().optional(),
  tool_calls: z.array(ToolCall).optional(),
  stop_reason: z.enum(['end_turn', 'tool_use', 'max_tokens', 'stop_sequence', 'refusal']).optional(),
  usage: z.strictObject({ input_tokens: count, output_tokens: count, cache_read_input_tokens: count, cache_creation_input_tokens: count }).partial().optional(),
  /** Before the first byte. */
  delay_ms: milliseconds.optional(),
  /** Signs of life at this interval during the delay and a stall; the response's head goes out at once then. */
  ping_ms: z.number().min(1).optional(),
  /** Between chunks. */
  chunk_ms: milliseconds.optional(),
  /** Silence behind this many chunks, the connection stays open. */
  stall_after: count.optional(),
  /** The connection is broken behind this many chunks. */
  drop_after: count.optional(),
  error: ScriptedError.optional(),
});

/** The reply to one request, or variants of which the first is played whose `when` holds. */
const Turn = z.union([ScriptedReply, z.array(ScriptedReply).min(1)]);

const Script = z.strictObject({
  description: z.string().optional(),
  /** Tried in order against the last user text; the first that matches gives the replies. */
  rules: z.array(z.strictObject({ match: z.string().refine(isRegularExpression, 'must be a regular expression'), replies: z.array(Turn).min(1) })).optional(),
  /** Played where no rule matches. */
  replies: z.array(Turn).optional(),
  /** What follows the last reply: a closing text, or the first reply again. */
  after_last: z.enum(['end', 'loop']).default('end'),
});

/** A script as it is written: an object, or only its list of replies. */
export const ScriptDocument = z.preprocess((value) => (Array.isArray(value) ? { replies: value } : value), Script);

export const ScriptName = z.string().regex(/^[\w.-]{1,100}$/, 'must be 1-100 letters, digits, dots, dashes or underscores');

export type ScriptedReply = z.infer<typeof ScriptedReply>;
export type ScriptedError = z.infer<typeof ScriptedError>;
export type Script = z.infer<typeof Script>;
/** A script before defaults are filled in. */
export type ScriptInput = z.input<typeof Script> | z.input<typeof Turn>[];

function isRegularExpression(source: string): boolean {
  try {
    new RegExp(source, 's');
    return true;
  } catch {
    return false;
  }
}
