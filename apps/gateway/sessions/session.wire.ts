import { z } from 'zod';
import { NO_USAGE, type SessionRecord, type SessionStatus } from '../../../workflows/contract/records.js';
import { agentFields } from '../agents/agent.wire.js';

export const SessionWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('session'),
    title: z.string().nullable(),
    status: z.enum(['idle', 'running', 'rescheduling', 'terminated']),
    agent: z.looseObject({ id: z.string(), type: z.literal('agent'), version: z.int(), ...agentFields }),
    environment_id: z.string(),
    deployment_id: z.null(),
    resources: z.array(z.unknown()),
    vault_ids: z.array(z.string()),
    metadata: z.record(z.string(), z.string()),
    budget: z.null(),
    outcome_evaluations: z.array(z.unknown()),
    usage: z.looseObject({
      input_tokens: z.int(),
      output_tokens: z.int(),
      cache_read_input_tokens: z.int(),
      cache_creation: z.looseObject({ ephemeral_5m_input_tokens: z.int(), ephemeral_1h_input_tokens: z.int() }),
      server_tool_use: z.looseObject({ web_search_requests: z.int(), web_fetch_requests: z.int() }),
      active_seconds: z.number(),
    }),
    stats: z.looseObject({ active_seconds: z.number(), duration_seconds: z.number() }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Session' });

/** A session (wire section 3), as it is at `now`. */
export function toSessionWire(session: SessionRecord, now = new Date()) {
  const { metadata: _ofTheAgent, ...agent } = session.agent;
  const usage = { ...NO_USAGE, ...session.usage };
  const activeMs = session.activeMs + (session.runningSince ? Math.max(0, now.getTime() - session.runningSince.getTime()) : 0);
  const activeSeconds = activeMs / 1_000;
  const lastMoment = session.status === 'terminated' ? (session.terminatedAt ?? session.updatedAt) : now;
  return {
    id: session.id,
    type: 'session' as const,
    title: session.title,
    status: seenStatus(session),
    agent,
    environment_id: session.environmentId,
    deployment_id: null,
    resources: [],
    vault_ids: [],
    metadata: session.metadata,
    budget: null,
    outcome_evaluations: [],
    usage: {
      input_tokens: usage.input_tokens,
      output_tokens: usage.output_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens,
      cache_creation: { ephemeral_5m_input_tokens: usage.cache_creation_input_tokens, ephemeral_1h_input_tokens: 0 },
      server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
      active_seconds: activeSeconds,
    },
    stats: { active_seconds: activeSeconds, duration_seconds: Math.max(0, lastMoment.getTime() - session.createdAt.getTime()) / 1_000 },
    created_at: session.createdAt.toISOString(),
    updated_at: session.updatedAt.toISOString(),
    archived_at: session.archivedAt?.toISOString() ?? null,
  };
}

/** An idle session with inputs waiting is about to run; a client that waits for idle must not take it for done. */
export const seenStatus = (session: Pick<SessionRecord, 'status' | 'wakeNeeded'>): SessionStatus =>
  session.status === 'idle' && session.wakeNeeded ? 'running' : session.status;

export type SessionWire = ReturnType<typeof toSessionWire>;
