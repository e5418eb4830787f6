import { z } from 'zod';
import { usageOf } from '../../../activities/session/usage.js';
import type { SessionRecord } from '../../../workflows/contract/records.js';
import { SessionAgentWire, seenStatus, statsOf, UsageWire } from '../sessions/session.wire.js';

export const ThreadWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('session_thread'),
    session_id: z.string(),
    parent_thread_id: z.string().nullable(),
    agent: SessionAgentWire,
    status: z.enum(['idle', 'running', 'rescheduling', 'terminated']),
    stats: z.looseObject({ active_seconds: z.number(), duration_seconds: z.number() }).nullable(),
    usage: UsageWire.nullable(),
    workflow_run_id: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'SessionThread' });

/** The primary thread of a session (wire section 3.4): what the session's own agent does. It is all that the session is. */
export function toPrimaryThreadWire(session: SessionRecord, now = new Date()) {
  const { metadata: _ofTheAgent, multiagent: _ofTheSession, ...agent } = session.agent;
  return {
    id: session.primaryThreadId,
    type: 'session_thread' as const,
    session_id: session.id,
    parent_thread_id: null,
    agent,
    status: seenStatus(session),
    stats: statsOf(session, now),
    usage: usageOf(session, now),
    workflow_run_id: null,
    created_at: session.createdAt.toISOString(),
    updated_at: session.updatedAt.toISOString(),
    archived_at: session.archivedAt?.toISOString() ?? null,
  };
}
