import * as z from 'zod/mini';
import type { ToolOutcome } from '../../workflows/contract/schema/tool-outcome.js';
import { FileReply, FileRequest } from './file-protocol.js';

/**
 * What a worker and the supervisor inside a sandbox say to each other: one JSON object per line, UTF-8.
 * The supervisor runs as the agent's own user, so the worker takes every reply for a forgery that must be bounded.
 */
export const PROTOCOL_VERSION = 4;

/** Longest line either end accepts, in bytes. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

/** Most of the text that one outcome may carry, in UTF-16 code units. */
export const MAX_OUTCOME_TEXT = 512 * 1024;

/** Most of the text that one piece of live output may carry, in bytes and so in UTF-16 code units. */
export const MAX_OUTPUT_TEXT = 16 * 1024;

/** Most variables that a binding sets, and the length of each. */
const MAX_VARIABLES = 200;
const MAX_VARIABLE_TEXT = 32 * 1024;

const variables = z
  .record(
    z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'must be the name of a variable')),
    z.string().check(
      z.maxLength(MAX_VARIABLE_TEXT),
      z.refine((text) => !text.includes('\0'), 'must not contain a zero byte'),
    ),
  )
  .check(z.refine((record) => Object.keys(record).length <= MAX_VARIABLES, `must be ${MAX_VARIABLES} variables at most`));

const callId = z.string().check(z.regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, _ or -'));

export const SupervisorRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello') }),
  z.object({ type: z.literal('ping') }),
  /** Makes the sandbox a session's; repeated, it changes the environment of shells that start later. */
  z.object({ type: z.literal('bind'), session_id: callId, environment: variables }),
  z.object({
    type: z.literal('call'),
    call_id: callId,
    name: z.string().check(z.minLength(1), z.maxLength(64)),
    input: z.unknown(),
    /** Upper bound for this call; a tool's own time limit may be shorter. */
    timeout_ms: z.int().check(z.minimum(1), z.maximum(24 * 3_600_000)),
    /** Where the output to be sent while it runs begins, in bytes; without it none is sent. */
    output_from: z.optional(z.int().check(z.minimum(0))),
  }),
  z.object({ type: z.literal('cancel'), call_id: callId }),
  /** Stops the clocks of all calls while requests of the sandbox wait for people. It outlives the connection: the next one says how it is. */
  z.object({ type: z.literal('hold'), held: z.boolean() }),
  /** Ends every call and everything they started, in the background too; `reason` is a sentence for the model. */
  z.object({ type: z.literal('stop_work'), reason: z.string().check(z.minLength(1), z.maxLength(1000)) }),
  FileRequest,
]);

const base64 = z.string().check(z.minLength(1), z.regex(/^[A-Za-z0-9+/]+={0,2}$/));

/**
 * Only self-contained blocks: a forged block that names a URL or a file id would make the model's provider, or us,
 * fetch something on behalf of the sandbox.
 */
const SandboxBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('image'),
    source: z.object({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: base64,
    }),
  }),
  z.object({
    type: z.literal('document'),
    source: z.object({ type: z.literal('base64'), media_type: z.literal('application/pdf'), data: base64 }),
  }),
]);

export const SandboxOutcome = z.object({
  status: z.enum(['completed', 'timed_out', 'interrupted', 'lost']),
  content: z.array(SandboxBlock).check(z.maxLength(16)),
  is_error: z.boolean(),
}) satisfies z.ZodMiniType<ToolOutcome>;

/**
 * `conflict`: the call id is known with another name or input. `journal_failed`: the start could not be recorded,
 * so nothing was run. `busy`: too many calls at once, nothing was run.
 */
const errorCode = z.enum(['conflict', 'unknown_tool', 'invalid_request', 'journal_failed', 'busy']);

export const SupervisorReply = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** New with every start of the supervisor. */
    boot_id: z.string().check(z.minLength(1), z.maxLength(64)),
    version: z.int(),
  }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('bound') }),
  z.object({
    type: z.literal('output'),
    call_id: callId,
    /** Where `text` begins in the whole output of the call, in bytes of UTF-8. May jump forward, never back. */
    offset: z.int().check(z.minimum(0)),
    text: z.string().check(z.maxLength(MAX_OUTPUT_TEXT)),
  }),
  z.object({ type: z.literal('result'), call_id: callId, outcome: SandboxOutcome }),
  z.object({
    type: z.literal('error'),
    call_id: z.optional(callId),
    code: errorCode,
    message: z.string().check(z.maxLength(4096)),
  }),
  FileReply,
]);

export type SupervisorRequest = z.infer<typeof SupervisorRequest>;
export type SupervisorReply = z.infer<typeof SupervisorReply>;
export type SandboxOutcome = z.infer<typeof SandboxOutcome>;
export type SupervisorErrorCode = z.infer<typeof errorCode>;

/** An outcome that is one sentence. */
export const textOutcome = (status: SandboxOutcome['status'], text: string, isError = true): SandboxOutcome => ({
  status,
  content: [{ type: 'text', text }],
  is_error: isError,
});
