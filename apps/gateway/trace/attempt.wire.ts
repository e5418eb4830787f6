import { z } from 'zod';
import { ATTEMPT_KINDS, type AttemptRecord } from '../../../workflows/contract/records.js';

export const AttemptWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('attempt'),
    turn: z.int(),
    step: z.int(),
    kind: z.enum(ATTEMPT_KINDS),
    name: z.string().describe('The model or the tool.'),
    key: z.string().describe('What was attempted: attempts of the same thing have the same key.'),
    attempt: z.int().describe('1 for the first try.'),
    retried_because: z.string().nullable(),
    outcome: z.enum(['ok', 'error', 'lost', 'superseded', 'interrupted', 'rejected']).nullable().describe('null while it runs.'),
    error: z.looseObject({ code: z.string(), message: z.string().nullable() }).nullable(),
    usage: z.unknown(),
    detail: z.unknown(),
    started_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
    duration_ms: z.number().nullable(),
  })
  .meta({ id: 'Attempt', description: 'One attempt of one step of the loop.' });

export const toAttemptWire = (attempt: AttemptRecord) => ({
  id: attempt.id,
  type: 'attempt' as const,
  turn: attempt.turn,
  step: attempt.step,
  kind: attempt.kind,
  name: attempt.name,
  key: attempt.key,
  attempt: attempt.attempt,
  retried_because: attempt.retriedBecause,
  outcome: attempt.outcome,
  error: attempt.errorCode === null ? null : { code: attempt.errorCode, message: attempt.errorMessage },
  usage: attempt.usage,
  detail: attempt.detail,
  started_at: attempt.startedAt.toISOString(),
  ended_at: attempt.endedAt?.toISOString() ?? null,
  duration_ms: attempt.endedAt && attempt.endedAt.getTime() - attempt.startedAt.getTime(),
});
