import { endWork } from '../../../activities/session/worker-loss.js';
import { newId } from '../../../infra/ids.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { lockSession } from '../../../infra/postgres/session-store.js';
import { type Transaction, transaction } from '../../../infra/postgres/transaction.js';
import { acknowledgeWork, beatWork, findWork, listWork, lockWork, requestWorkStop, updateWorkMetadata } from '../../../infra/postgres/work.repo.js';
import { readWorkQueue } from '../../../infra/postgres/work-queue.repo.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { WorkRecord } from '../../../workflows/contract/records.js';
import type { WorkHeartbeatQuery, WorkListQuery, WorkPollQuery, WorkUpdate } from '../../../workflows/contract/schema/work.js';
import { requireEnvironment } from '../environments/environments.service.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { applyMetadataPatch } from '../http/partial-update.js';
import { notFound } from '../http/path-id.js';
import type { Principal } from '../http/principal.js';
import type { Waker } from '../sessions/waker.js';
import { judgeAcknowledgement, judgeHeartbeat, leaseSeconds } from './lease.js';
import { pollWork } from './poll-work.js';
import { toHeartbeatWire, toStatsWire, toWorkWire } from './work.wire.js';
import type { WorkFeed } from './work-feed.js';

/** One item of one environment, and who asks. */
export interface WorkTarget {
  readonly principal: Principal;
  readonly environmentId: string;
  readonly workId: string;
}

/** The work queue of self-hosted environments (wire section 2.1). */
export class WorkService {
  readonly #pool: Pool;
  readonly #feed: WorkFeed;
  readonly #waker: Waker;
  readonly #configuredSeconds: number;

  constructor(pool: Pool, feed: WorkFeed, waker: Waker, configuredSeconds: number) {
    this.#pool = pool;
    this.#feed = feed;
    this.#waker = waker;
    this.#configuredSeconds = configuredSeconds;
  }

  /** The next item with its secret, or null. */
  async poll(principal: Principal, environmentId: string, query: WorkPollQuery, workerId: string | undefined, gone: AbortSignal) {
    const { workspaceId } = principal;
    await transaction(this.#pool, workspaceId, (tx) => requireSelfHosted(tx, environmentId));
    const offer = await pollWork(this.#pool, this.#feed, {
      workspaceId,
      environmentId,
      keyId: principal.type === 'environment_key' ? principal.keyId : null,
      workerId,
      blockMs: query.block_ms ?? 0,
      reclaimAfterMs: query.reclaim_older_than_ms,
      gone,
    });
    return offer ? toWorkWire(offer.item, offer.sessionsToken) : null;
  }

  /** Takes an offered item out of the queue. Errors: `work.conflict`. */
  acknowledge(target: WorkTarget) {
    return this.onItem(target, async (tx, item) => {
      switch (judgeAcknowledgement(item, claimOf(target.principal))) {
        case 'take':
          return toWorkWire(await acknowledgeWork(tx, item.id, this.#configuredSeconds));
        case 'repeat':
          return toWorkWire(item);
        case 'refuse':
          throw new RondoError('work.conflict', `Work item ${item.id} is ${item.state} and not on offer to you; poll for another.`);
      }
    });
  }

  /** Extends the lease. Errors: `work.heartbeat_precondition_failed`. */
  heartbeat(target: WorkTarget, query: WorkHeartbeatQuery) {
    return this.onItem(target, async (tx, item) => {
      switch (judgeHeartbeat(item, claimOf(target.principal), query.expected_last_heartbeat)) {
        case 'extend':
          return toHeartbeatWire(await beatWork(tx, item.id, leaseSeconds(query.desired_ttl_seconds, this.#configuredSeconds)), true, this.#configuredSeconds);
        case 'report':
          return toHeartbeatWire(item, false, this.#configuredSeconds);
        case 'refuse':
          throw this.leaseLost(item);
      }
    });
  }

  /** Ends the worker's hold: at once, or, where a worker beats and no force is asked for, by its next heartbeat. Errors: `work.conflict`. */
  async stop(target: WorkTarget, force: boolean) {
    const { workspaceId } = target.principal;
    const { item, wake, session } = await transaction(this.#pool, workspaceId, async (tx) => {
      const { sessionId } = await requireWork(tx, target);
      const session = await lockSession(tx, sessionId);
      const item = await lockOwn(tx, target);
      const claim = claimOf(target.principal);
      if (item.state === 'stopped') throw new RondoError('work.conflict', `Work item ${item.id} is stopped already.`);
      if (claim !== null && claim !== item.claim) throw new RondoError('work.conflict', `Work item ${item.id} has been given to another worker; leave it.`);
      const graceful = !force && (item.state === 'active' || item.state === 'stopping');
      if (graceful) return { item: await requestWorkStop(tx, item.id), wake: false, session: session.record };
      const { wake } = await endWork(session, item, 'stopped', () => newId('event'));
      return { item: await requireWork(tx, target), wake, session: session.record };
    });
    if (wake) this.#waker.wake(session);
    return toWorkWire(item);
  }

  async retrieve(target: WorkTarget) {
    return toWorkWire(await transaction(this.#pool, target.principal.workspaceId, (tx) => requireWork(tx, target)));
  }

  update(target: WorkTarget, { metadata }: WorkUpdate) {
    return this.onItem(target, async (tx, item) => toWorkWire(await updateWorkMetadata(tx, item.id, applyMetadataPatch(item.metadata, metadata))));
  }

  async list({ workspaceId }: Principal, environmentId: string, query: WorkListQuery) {
    const page = readPage({ ...query, order: 'desc' });
    const found = await transaction(this.#pool, workspaceId, async (tx) => {
      await requireEnvironment(tx, environmentId, 'none');
      return listWork(tx, environmentId, page.request);
    });
    return oneWay(page.toWire(found, (item) => toWorkWire(item)));
  }

  async stats({ workspaceId }: Principal, environmentId: string) {
    return toStatsWire(
      await transaction(this.#pool, workspaceId, async (tx) => {
        await requireEnvironment(tx, environmentId, 'none');
        return readWorkQueue(tx, environmentId);
      }),
    );
  }

  private onItem<T>(target: WorkTarget, work: (tx: Transaction, item: WorkRecord) => Promise<T>): Promise<T> {
    return transaction(this.#pool, target.principal.workspaceId, async (tx) => work(tx, await lockOwn(tx, target)));
  }

  private leaseLost(item: WorkRecord): RondoError {
    const { type: _, ...state } = toHeartbeatWire(item, false, this.#configuredSeconds);
    return new RondoError(
      'work.heartbeat_precondition_failed',
      `expected_last_heartbeat: the lease of ${item.id} is not the one you had; leave the item to whoever has it and poll for another.`,
      { details: { error_code: 'heartbeat_precondition_failed', current_state: { ...state, last_heartbeat: item.lastHeartbeat } } },
    );
  }
}

const claimOf = (principal: Principal): number | null => (principal.type === 'session_token' ? principal.claim : null);

async function requireWork(tx: Transaction, { environmentId, workId }: WorkTarget): Promise<WorkRecord> {
  const item = await findWork(tx, environmentId, workId);
  if (!item) throw notFound('work', workId);
  return item;
}

async function lockOwn(tx: Transaction, target: WorkTarget): Promise<WorkRecord> {
  const item = await lockWork(tx, (await requireWork(tx, target)).id);
  if (!item) throw notFound('work', target.workId);
  return item;
}

/** Errors: `environment.not_found`, `request.invalid` for an environment whose tools run in our sandboxes. */
export async function requireSelfHosted(tx: Transaction, id: string) {
  const environment = await requireEnvironment(tx, id, 'none');
  if (environment.config.type === 'self_hosted') return environment;
  throw new RondoError('request.invalid', `environment_id: ${id} is of type "${environment.config.type}"; only self_hosted environments have workers.`);
}
