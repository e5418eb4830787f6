import { z } from 'zod';
import { InputBlock, ResultBlock, TextBlock } from './content.js';

const eventId = z.string().regex(/^sevt_[0-9A-Za-z]{8,40}$/, 'must be the id of an event, sevt_…');

export const UserMessage = z.object({
  type: z.literal('user.message'),
  content: z.array(InputBlock).min(1).max(1_000),
});

const UserInterrupt = z.object({
  type: z.literal('user.interrupt'),
  session_thread_id: z.string().nullish(),
});

const UserToolConfirmation = z
  .object({
    type: z.literal('user.tool_confirmation'),
    tool_use_id: eventId,
    result: z.enum(['allow', 'deny']),
    deny_message: z.string().max(10_000).nullish(),
    /** Of an answer to rondo.network_confirmation_required: for what waits now, or for the rest of the session. */
    scope: z.enum(['once', 'session']).optional(),
  })
  .refine((event) => event.result === 'deny' || !event.deny_message, {
    path: ['deny_message'],
    message: 'is only accepted with result "deny"',
  });

const UserCustomToolResult = z.object({
  type: z.literal('user.custom_tool_result'),
  custom_tool_use_id: eventId,
  content: z.array(ResultBlock).max(1_000).nullish(),
  is_error: z.boolean().nullish(),
});

/** A result of a worker of a self-hosted environment. */
const UserToolResult = z.object({
  type: z.literal('user.tool_result'),
  tool_use_id: eventId,
  content: z.array(ResultBlock).max(1_000).nullish(),
  is_error: z.boolean().nullish(),
});

/** A task with the yardstick it is graded by. */
export const UserDefineOutcome = z.object({
  type: z.literal('user.define_outcome'),
  description: z.string().min(1).max(100_000),
  rubric: z.discriminatedUnion('type', [
    z.object({ type: z.literal('text'), content: z.string().min(1).max(262_144) }),
    z.object({ type: z.literal('file'), file_id: z.string().min(1) }),
  ]),
  max_iterations: z.int().min(1).max(20).nullish(),
});

const SystemMessage = z.object({
  type: z.literal('system.message'),
  content: z.array(TextBlock).min(1).max(1_000),
});

/** What a caller may send to a session (wire section 3.2). */
export const InputEvent = z.discriminatedUnion('type', [
  UserMessage,
  UserInterrupt,
  UserToolConfirmation,
  UserCustomToolResult,
  UserToolResult,
  UserDefineOutcome,
  SystemMessage,
]);

export type InputEvent = z.infer<typeof InputEvent>;
export type UserMessage = z.infer<typeof UserMessage>;
