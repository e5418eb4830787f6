import { z } from 'zod';
import { InputBlock, ResultBlock, TextBlock } from './content.js';

const eventId = z.string().regex(/^sevt_[0-9A-Za-z]{8,40}$/, 'must be the id of an event, sevt_…');

export const UserMessage = z.object({
  type: z.literal('user.message'),
  content: z.array(InputBlock).min(1).max(1_000).describe('What the user says; at most 100 files in it.'),
});

const UserInterrupt = z.object({
  type: z.literal('user.interrupt'),
  session_thread_id: z.string().nullish().describe('The primary thread, as there are no others yet; the same where it is absent or null.'),
});

const UserToolConfirmation = z
  .object({
    type: z.literal('user.tool_confirmation'),
    tool_use_id: eventId.describe('Id of a call whose evaluated_permission is ask, or of a rondo.network_confirmation_required.'),
    result: z.enum(['allow', 'deny']).describe('The first answer counts.'),
    deny_message: z
      .string()
      .max(10_000)
      .nullish()
      .describe("What the model is told as the call's result; only with deny, and not used for questions about hosts."),
    scope: z
      .enum(['once', 'session'])
      .optional()
      .describe('Of an answer to rondo.network_confirmation_required only: for what waits now (once, the default), or for the rest of the session.'),
  })
  .refine((event) => event.result === 'deny' || !event.deny_message, {
    path: ['deny_message'],
    message: 'is only accepted with result "deny"',
  });

const result = {
  content: z.array(ResultBlock).max(1_000).nullish().describe('What the model is told; at most 100 files in it. Null or absent is nothing.'),
  is_error: z.boolean().nullish().describe('Whether the call failed, which the model is told; false where it is not given.'),
};

const UserCustomToolResult = z.object({
  type: z.literal('user.custom_tool_result'),
  custom_tool_use_id: eventId.describe('Id of an agent.custom_tool_use. A second result for it is accepted and ignored.'),
  ...result,
});

/** A result of a worker of a self-hosted environment. */
const UserToolResult = z.object({
  type: z.literal('user.tool_result'),
  tool_use_id: eventId.describe('Id of an agent.tool_use that a worker runs. A second result for it is accepted and ignored.'),
  ...result,
});

/** A task with the yardstick it is graded by: taken apart, and refused so far. */
export const UserDefineOutcome = z.object({
  type: z.literal('user.define_outcome'),
  description: z.string().min(1).max(100_000).describe('The task. An event of this type is refused so far.'),
  rubric: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text'), content: z.string().min(1).max(262_144).describe('The yardstick itself.') }),
      z.object({ type: z.literal('file'), file_id: z.string().min(1).describe('A file with the yardstick.') }),
    ])
    .describe('The yardstick that the outcome is graded by.'),
  max_iterations: z.int().min(1).max(20).nullish().describe('Most rounds of work and grading.'),
});

const SystemMessage = z.object({
  type: z.literal('system.message'),
  content: z
    .array(TextBlock)
    .min(1)
    .max(1_000)
    .describe('Words of the operator, which the model gets as marked text. The event is the last of a request, right behind a user.message or a result.'),
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
