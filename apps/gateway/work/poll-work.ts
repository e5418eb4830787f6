import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { offerWork } from '../../../infra/postgres/work.repo.js';
import { notePoller } from '../../../infra/postgres/work-queue.repo.js';
import { mintWorkToken } from '../../../infra/postgres/work-tokens.repo.js';
import type { WorkRecord } from '../../../workflows/contract/records.js';
import { createBell } from '../stream/bell.js';
import type { WorkFeed } from './work-feed.js';

export interface PollRequest {
  readonly workspaceId: string;
  readonly environmentId: string;
  /** The environment key that asks; the offer's token is void with it. Null: an API key. */
  readonly keyId: string | null;
  readonly workerId: string | undefined;
  readonly blockMs: number;
  readonly reclaimAfterMs: number;
  /** The caller has gone, or the process ends. */
  readonly gone: AbortSignal;
}

export interface Offer {
  readonly item: WorkRecord;
  readonly sessionsToken: string;
}

/** Waits for work at most as long as asked, without holding a connection meanwhile. */
export async function pollWork(pool: Pool, feed: WorkFeed, request: PollRequest): Promise<Offer | undefined> {
  const bell = createBell();
  const unsubscribe = feed.subscribe(request.environmentId, bell.ring);
  const until = performance.now() + request.blockMs;
  try {
    if (request.workerId) await transaction(pool, request.workspaceId, (tx) => notePoller(tx, request.environmentId, request.workerId as string));
    for (;;) {
      const offer = await takeOffer(pool, request);
      const left = until - performance.now();
      if (offer || left <= 0 || request.gone.aborted) return offer;
      await bell.wait(left, request.gone);
      if (request.gone.aborted) return undefined;
    }
  } finally {
    unsubscribe();
  }
}

const takeOffer = (pool: Pool, { workspaceId, environmentId, reclaimAfterMs, keyId }: PollRequest): Promise<Offer | undefined> =>
  transaction(pool, workspaceId, async (tx) => {
    const item = await offerWork(tx, environmentId, reclaimAfterMs);
    return item && { item, sessionsToken: await mintWorkToken(tx, { workId: item.id, claim: item.claim, keyId }) };
  });
