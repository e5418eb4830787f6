import { z } from 'zod';
import type { WorkQueueStats } from '../../../infra/postgres/work-queue.repo.js';
import type { WorkRecord } from '../../../workflows/contract/records.js';

const state = z.enum(['queued', 'starting', 'active', 'stopping', 'stopped']);
const time = z.iso.datetime().nullable();

export const WorkWire = z
  .looseObject({
    id: z.string(),
    type: z.literal('work'),
    environment_id: z.string(),
    state,
    data: z.looseObject({ type: z.literal('session'), id: z.string() }),
    secret: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
    acknowledged_at: time,
    started_at: time,
    latest_heartbeat_at: time,
    stop_requested_at: time,
    stopped_at: time,
  })
  .meta({ id: 'Work', description: "A session's call for a worker of its self-hosted environment." });

export const WorkHeartbeatWire = z.looseObject({
  type: z.literal('work_heartbeat'),
  last_heartbeat: z.string(),
  lease_extended: z.boolean(),
  state,
  ttl_seconds: z.int(),
});

export const WorkStatsWire = z.looseObject({
  type: z.literal('work_queue_stats'),
  depth: z.int(),
  pending: z.int(),
  oldest_queued_at: time,
  workers_polling: z.int().nullable(),
});

/** A work item (wire section 2.1). The secret is given once, to the worker it is offered to. */
export const toWorkWire = (item: WorkRecord, sessionsToken?: string) => ({
  id: item.id,
  type: 'work' as const,
  environment_id: item.environmentId,
  state: item.state,
  data: { type: 'session' as const, id: item.sessionId },
  secret: sessionsToken === undefined ? null : Buffer.from(JSON.stringify({ sessions_token: sessionsToken })).toString('base64url'),
  metadata: item.metadata,
  created_at: item.createdAt.toISOString(),
  acknowledged_at: item.acknowledgedAt?.toISOString() ?? null,
  started_at: item.startedAt?.toISOString() ?? null,
  latest_heartbeat_at: item.lastHeartbeat,
  stop_requested_at: item.stopRequestedAt?.toISOString() ?? null,
  stopped_at: item.stoppedAt?.toISOString() ?? null,
});

/** The lease as a heartbeat's answer, or in the details of its refusal. */
export const toHeartbeatWire = (item: WorkRecord, extended: boolean, configuredSeconds: number) => ({
  type: 'work_heartbeat' as const,
  last_heartbeat: item.lastHeartbeat ?? '',
  lease_extended: extended,
  state: item.state,
  ttl_seconds: item.ttlSeconds ?? configuredSeconds,
});

export const toStatsWire = (stats: WorkQueueStats) => ({
  type: 'work_queue_stats' as const,
  depth: stats.depth,
  pending: stats.pending,
  oldest_queued_at: stats.oldestQueuedAt?.toISOString() ?? null,
  workers_polling: stats.workersPolling,
});
