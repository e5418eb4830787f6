import { findEventSeq } from '../../../infra/postgres/event-list.repo.js';
import { findInvocation } from '../../../infra/postgres/invocations.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { isUniqueViolation } from '../../../infra/postgres/unique-violation.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { InvocationRecord } from '../../../workflows/contract/records.js';
import type { InvokeRequest } from '../../../workflows/contract/schema/invoke.js';
import { hashOf } from '../http/canonical-json.js';
import { notFound } from '../http/path-id.js';
import type { CreateSession } from '../sessions/create-session.js';
import type { Waker } from '../sessions/waker.js';
import { createBell } from '../stream/bell.js';
import type { SessionFeed } from '../stream/session-feed.js';
import { acceptInvocation, findByKey } from './accept-invocation.js';

/** Rows are looked at this often even when no notification comes. */
const LOOK_AGAIN_MS = 2_000;

export class InvokeService {
  readonly #pool: Pool;
  readonly #createSession: CreateSession;
  readonly #waker: Waker;
  readonly #feed: SessionFeed;
  readonly #shutdown: AbortSignal;

  constructor(pool: Pool, createSession: CreateSession, waker: Waker, feed: SessionFeed, shutdown: AbortSignal) {
    this.#pool = pool;
    this.#createSession = createSession;
    this.#waker = waker;
    this.#feed = feed;
    this.#shutdown = shutdown;
  }

  /** Accepts an invocation. Once this resolves it is durable. The same key and body give the same invocation, also at the same time. */
  async accept(workspaceId: string, request: InvokeRequest, idempotencyKey: string | undefined): Promise<InvocationRecord> {
    const key = idempotencyKey === undefined ? undefined : { idempotencyKey, requestHash: hashOf(request) };
    try {
      const { invocation, wake } = await transaction(this.#pool, workspaceId, (tx) => acceptInvocation(tx, this.#createSession, { request, key }));
      if (wake) this.#waker.wake(wake);
      return invocation;
    } catch (error) {
      if (!key || !isUniqueViolation(error)) throw error;
      const made = await transaction(this.#pool, workspaceId, (tx) => findByKey(tx, key));
      if (!made) throw error;
      return made;
    }
  }

  async retrieve(workspaceId: string, id: string): Promise<InvocationRecord> {
    const found = await transaction(this.#pool, workspaceId, (tx) => findInvocation(tx, id));
    if (!found) throw notFound('invocation', id);
    return found;
  }

  /** Waits until the invocation ended or needs an action of the client, the time is over, the caller is gone, or the process ends; answers its state then. */
  async wait(workspaceId: string, first: InvocationRecord, milliseconds: number, gone: AbortSignal): Promise<InvocationRecord> {
    const signal = AbortSignal.any([gone, this.#shutdown]);
    const bell = createBell();
    const unsubscribe = this.#feed.subscribe(first.sessionId, { deltas: false }, bell.ring);
    const deadline = Date.now() + milliseconds;
    let invocation = first;
    try {
      for (;;) {
        invocation = (await this.look(workspaceId, first.id)) ?? invocation;
        const left = deadline - Date.now();
        if (isSettled(invocation) || left <= 0 || signal.aborted) return invocation;
        await bell.wait(Math.min(LOOK_AGAIN_MS, left), signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** The invocation's state; undefined while the database is away. */
  async look(workspaceId: string, id: string): Promise<InvocationRecord | undefined> {
    try {
      return await this.retrieve(workspaceId, id);
    } catch (error) {
      if (error instanceof RondoError && error.code === 'service.unavailable') return undefined;
      throw error;
    }
  }

  /** Number of the event before the invocation's input, or of the last event while the input waits. */
  async startOf(workspaceId: string, invocation: InvocationRecord): Promise<number> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      // The log's length first: an input that is taken in between is then still behind it.
      const { lastSeq } = await getSession(tx, invocation.sessionId);
      const seq = await findEventSeq(tx, invocation.sessionId, invocation.inputEventId);
      return seq === undefined ? lastSeq : seq - 1;
    });
  }
}

/** Nothing more will happen without the client. */
export const isSettled = ({ status, endedAt }: InvocationRecord): boolean => endedAt !== null || status === 'requires_action';
