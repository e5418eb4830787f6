import type { Response } from 'express';
import type { Logger } from 'pino';
import { findTermination } from '../../../infra/postgres/event-list.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { asRondoError, toEnvelope } from '../http/error.filter.js';
import { contextOf } from '../http/request-context.js';
import { holdsLease } from '../work/held-lease.js';
import { createBell } from './bell.js';
import { createEventStream } from './event-stream.js';
import { followSession } from './follow-session.js';
import type { Frame } from './frame.js';
import type { SessionFeed } from './session-feed.js';
import type { AdmitStream } from './stream-limit.js';

export interface StreamOptions {
  readonly workspaceId: string;
  readonly sessionId: string;
  /** Number of the event to replay from; undefined begins with what comes. */
  readonly after: number | undefined;
  readonly deltaTypes: readonly string[];
  /** Asked before every look at the log. Once it answers a frame, that look is the last and the frame ends the stream. */
  readonly lastFrame?: () => Promise<Frame | undefined>;
}

/** Serves sessions as server-sent events: one reader per stream, whose pace the client sets. */
export class SessionStreams {
  readonly #pool: Pool;
  readonly #feed: SessionFeed;
  readonly #admit: AdmitStream;
  readonly #shutdown: AbortSignal;
  readonly #log: Logger;

  constructor(pool: Pool, feed: SessionFeed, admit: AdmitStream, shutdown: AbortSignal, log: Logger) {
    this.#pool = pool;
    this.#feed = feed;
    this.#admit = admit;
    this.#shutdown = shutdown;
    this.#log = log;
  }

  /** Makes sure that this response may become a stream, before anything is done for it. Errors: `request.rate_limited`. */
  admit(response: Response): void {
    this.#admit(response);
  }

  /** Resolves when the stream has ended. Throws only before its headers are sent. */
  async serve(response: Response, options: StreamOptions): Promise<void> {
    this.#admit(response);
    const stream = createEventStream(response, this.#shutdown);
    const bell = createBell();
    const unsubscribe = this.#feed.subscribe(options.sessionId, { deltas: options.deltaTypes.length > 0 }, bell.ring);
    try {
      const after = await this.begin(options);
      stream.open();
      await this.relay(stream, { ...options, after, bell, holds: this.leaseOf(response) });
    } catch (thrown) {
      if (!response.headersSent) throw thrown;
      const error = asRondoError(thrown, response.req);
      const { requestId } = contextOf(response);
      this.#log.error({ requestId, sessionId: options.sessionId, error: thrown instanceof Error ? thrown.stack : undefined }, 'a stream failed');
      await stream.send([{ event: 'error', data: toEnvelope(error, requestId) }]);
    } finally {
      unsubscribe();
      if (response.headersSent) stream.end();
    }
  }

  private async relay(
    stream: ReturnType<typeof createEventStream>,
    options: StreamOptions & { readonly after: number; readonly bell: ReturnType<typeof createBell>; readonly holds: () => Promise<boolean> },
  ): Promise<void> {
    const { lastFrame = () => Promise.resolve(undefined), holds } = options;
    let last = await lastFrame();
    for await (const { frames, caughtUp } of followSession(this.#pool, this.#log, { ...options, signal: stream.signal })) {
      if (!(await holds())) break;
      await stream.send(frames);
      if (last && caughtUp) break;
      last ??= await lastFrame();
      if (last) options.bell.ring();
    }
    last ??= stream.signal.aborted ? undefined : await lastFrame();
    if (last) await stream.send([last]);
  }

  /** A worker's stream ends with its lease: what is read after that is for the next worker. */
  private leaseOf(response: Response): () => Promise<boolean> {
    const { principal } = contextOf(response);
    return principal?.type === 'session_token' ? () => holdsLease(this.#pool, principal) : () => Promise.resolve(true);
  }

  /** A session that has ended already gives its last event, so that whoever waits for the end sees it. */
  private begin({ workspaceId, sessionId, after }: StreamOptions): Promise<number> {
    return transaction(this.#pool, workspaceId, async (tx) => {
      const { lastSeq, status } = await getSession(tx, sessionId);
      if (after !== undefined) return Math.min(after, lastSeq);
      const end = status === 'terminated' ? await findTermination(tx, sessionId) : undefined;
      return end === undefined ? lastSeq : end - 1;
    });
  }
}
