import { z } from 'zod';
import { type InvocationRecord, NO_USAGE } from '../../../workflows/contract/records.js';
import { Links } from './invocation-links.js';

export const InvocationWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('invocation'),
    session_id: z.string(),
    status: z.enum(['queued', 'running', 'requires_action', 'completed', 'failed', 'interrupted', 'killed']),
    stop_reason: z.looseObject({ type: z.string() }).nullable().describe("Why the turn ended; more exact than the wire's stop reason."),
    output: z
      .array(z.looseObject({ type: z.string() }))
      .nullable()
      .describe('Content blocks of the last agent.message.'),
    output_text: z.string().nullable().describe('The text of output.'),
    usage: z.looseObject({
      input_tokens: z.int(),
      output_tokens: z.int(),
      cache_read_input_tokens: z.int(),
      cache_creation_input_tokens: z.int(),
    }),
    steps: z.int().describe('Model requests of the turn.'),
    cold_start_ms: z.number().nullable().describe('From the acceptance of the input to the first model request sent.'),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    ended_at: z.iso.datetime().nullable(),
    links: Links,
  })
  .meta({ id: 'Invocation' });

export function toInvocationWire(invocation: InvocationRecord, links: Links) {
  const { steps: _requests, ...usage } = { ...NO_USAGE, ...invocation.usage };
  const { createdAt, firstModelRequestAt } = invocation;
  return {
    id: invocation.id,
    type: 'invocation' as const,
    session_id: invocation.sessionId,
    status: invocation.status,
    stop_reason: invocation.stopReason,
    output: invocation.output,
    output_text: invocation.output && textOf(invocation.output),
    usage,
    steps: invocation.steps,
    cold_start_ms: firstModelRequestAt && Math.max(0, firstModelRequestAt.getTime() - createdAt.getTime()),
    created_at: createdAt.toISOString(),
    started_at: invocation.startedAt?.toISOString() ?? null,
    ended_at: invocation.endedAt?.toISOString() ?? null,
    links,
  };
}

const textOf = (blocks: readonly unknown[]): string =>
  blocks.flatMap((block) => (typeof block === 'object' && block !== null && 'text' in block && typeof block.text === 'string' ? [block.text] : [])).join('\n');

export type InvocationWire = ReturnType<typeof toInvocationWire>;
