import { z } from 'zod';
import { activeSeconds, usageOf } from '../../../activities/session/usage.js';
import type { ResourceRecord } from '../../../workflows/contract/file-records.js';
import type { SessionRecord, SessionStatus } from '../../../workflows/contract/records.js';
import type { SandboxRecord } from '../../../workflows/contract/sandbox-records.js';
import { Networking } from '../../../workflows/contract/schema/environment.js';
import { Budget } from '../../../workflows/contract/schema/session-create.js';
import { agentFields } from '../agents/agent.wire.js';
import { ResourceWire, toResourceWire } from '../resources/resource.wire.js';

const { multiagent: _, ...threadAgentFields } = agentFields;

/** The snapshot of an agent in a thread, and, with `multiagent`, in a session. */
export const SessionAgentWire = z.looseObject({ id: z.string(), type: z.literal('agent'), version: z.int(), ...threadAgentFields });

export const UsageWire = z.looseObject({
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  cache_creation: z.looseObject({ ephemeral_5m_input_tokens: z.int(), ephemeral_1h_input_tokens: z.int() }),
  server_tool_use: z.looseObject({ web_search_requests: z.int(), web_fetch_requests: z.int() }),
  active_seconds: z.number(),
  list_cost: Budget.shape.max_list_cost.optional().describe('What its tokens have cost at list prices; absent where nothing was priced.'),
});

export const SessionWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('session'),
    title: z.string().nullable(),
    status: z.enum(['idle', 'running', 'rescheduling', 'terminated']),
    agent: SessionAgentWire.extend({ multiagent: z.null() }),
    environment_id: z.string(),
    deployment_id: z.null(),
    resources: z.array(ResourceWire),
    vault_ids: z.array(z.string()),
    metadata: z.record(z.string(), z.string()),
    budget: Budget.nullable(),
    outcome_evaluations: z.array(z.unknown()),
    usage: UsageWire,
    stats: z.looseObject({ active_seconds: z.number(), duration_seconds: z.number() }),
    networking: Networking.nullable().describe('Its own policy of the network; null where that of its environment holds.'),
    sandbox: z.looseObject({ isolation: z.string(), engine: z.string(), runtime: z.string() }).nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    archived_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Session' });

/** The sandbox that a session has now, as clients see it: an extension. */
export type SandboxWire = Pick<SandboxRecord, 'isolation' | 'engine' | 'runtime'> | null;

/** A session (wire section 3), as it is at `now`. */
export function toSessionWire(session: SessionRecord, resources: readonly ResourceRecord[], sandbox: SandboxWire, now = new Date()) {
  const { metadata: _ofTheAgent, ...agent } = session.agent;
  return {
    id: session.id,
    type: 'session' as const,
    title: session.title,
    status: seenStatus(session),
    agent,
    environment_id: session.environmentId,
    deployment_id: null,
    resources: resources.map(toResourceWire),
    vault_ids: session.vaultIds,
    metadata: session.metadata,
    budget: session.budget,
    outcome_evaluations: [],
    usage: usageOf(session, now),
    stats: statsOf(session, now),
    networking: session.networking,
    sandbox,
    created_at: session.createdAt.toISOString(),
    updated_at: session.updatedAt.toISOString(),
    archived_at: session.archivedAt?.toISOString() ?? null,
  };
}

/** Running time, and the whole life of the session; both in seconds. */
export function statsOf(session: SessionRecord, now: Date) {
  const lastMoment = session.status === 'terminated' ? (session.terminatedAt ?? session.updatedAt) : now;
  return { active_seconds: activeSeconds(session, now), duration_seconds: Math.max(0, lastMoment.getTime() - session.createdAt.getTime()) / 1_000 };
}

/** An idle session with inputs waiting is about to run; a client that waits for idle must not take it for done. */
export const seenStatus = (session: Pick<SessionRecord, 'status' | 'wakeNeeded'>): SessionStatus =>
  session.status === 'idle' && session.wakeNeeded ? 'running' : session.status;

export type SessionWire = ReturnType<typeof toSessionWire>;
