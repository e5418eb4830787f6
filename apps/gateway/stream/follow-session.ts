import type { Logger } from 'pino';
import { type CallOutputRecord, followCallOutput } from '../../../infra/postgres/call-output.repo.js';
import { followDeltas } from '../../../infra/postgres/deltas.repo.js';
import { followEvents } from '../../../infra/postgres/event-list.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { findSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import type { StoredEvent } from '../../../workflows/contract/records.js';
import { toEventWire } from '../events/event.wire.js';
import type { Bell } from './bell.js';
import type { Frame } from './frame.js';
import { createPreview } from './preview.js';

const BATCH = 100;
const DELTA_BATCH = 1_000;
/** Pieces of at most some tens of kilobytes. */
const OUTPUT_BATCH = 50;
/** Rows are looked at this often even when no notification comes. */
const LOOK_AGAIN_MS = 5_000;
const DATABASE_AWAY_MS = 500;

export interface FollowOptions {
  readonly workspaceId: string;
  readonly sessionId: string;
  /** Number of the last event not to be sent. */
  readonly after: number;
  readonly deltaTypes: readonly string[];
  readonly bell: Bell;
  readonly signal: AbortSignal;
}

export interface Batch {
  readonly frames: readonly Frame[];
  /** Whether this is all there was when it was read. */
  readonly caughtUp: boolean;
}

/**
 * A session's events from a number on, as they come, in bounded batches: it reads on only when the batch was taken. Ends
 * after the session's end, or when the signal aborts; a database that is away is waited for.
 */
export async function* followSession(pool: Pool, log: Logger, options: FollowOptions): AsyncGenerator<Batch> {
  const { bell, signal, sessionId } = options;
  const preview = createPreview();
  let seq = options.after;
  let position = 0;
  let outputPosition = 0;
  const wantsOutput = options.deltaTypes.includes('rondo.tool_output');

  const read = () =>
    transaction(pool, options.workspaceId, async (tx) => {
      const { rows: events, more } = await followEvents(tx, sessionId, seq, BATCH);
      if (more) return { events, more, deltas: [], output: [], gone: false };
      const known = events.at(-1)?.seq ?? seq;
      const { deltaTypes: types } = options;
      const deltas = types.length > 0 ? await followDeltas(tx, sessionId, { seq: known, after: position, types, limit: DELTA_BATCH }) : [];
      const output = wantsOutput ? await followCallOutput(tx, sessionId, { seq: known, after: outputPosition, limit: OUTPUT_BATCH }) : [];
      const gone = events.length === 0 && (await findSession(tx, sessionId)) === undefined;
      return { events, more, deltas, output, gone };
    });

  while (!signal.aborted) {
    const found = await read().catch((error: unknown) => {
      if (!(error instanceof RondoError) || error.code !== 'service.unavailable') throw error;
      log.warn({ sessionId }, 'a stream waits for the database');
      return undefined;
    });
    if (!found) {
      await bell.wait(DATABASE_AWAY_MS, signal);
      continue;
    }
    if (found.gone) {
      yield { frames: [deletedFrame(sessionId)], caughtUp: true };
      return;
    }
    seq = found.events.at(-1)?.seq ?? seq;
    position = found.deltas.at(-1)?.position ?? position;
    outputPosition = found.output.at(-1)?.position ?? outputPosition;
    const caughtUp = !found.more && found.deltas.length < DELTA_BATCH && found.output.length < OUTPUT_BATCH;
    yield { frames: [...found.events.map(eventFrame), ...preview.push(found.deltas), ...found.output.map(outputFrame)], caughtUp };
    if (found.events.some(({ type }) => type === 'session.status_terminated')) return;
    if (caughtUp) await bell.wait(LOOK_AGAIN_MS, signal);
  }
}

const eventFrame = (event: StoredEvent): Frame => ({ event: event.type, id: event.seq, data: toEventWire(event) });

/** What a running call prints; in no list, like the previews. */
const outputFrame = ({ callId, begins, bytes, text }: CallOutputRecord): Frame => ({
  event: 'rondo.tool_output',
  data: { type: 'rondo.tool_output', tool_use_id: callId, offset: begins, bytes, text },
});

/** Stream only, so it has no row; its id follows from the session's, so that every stream gives the same. */
const deletedFrame = (sessionId: string): Frame => ({
  event: 'session.deleted',
  data: { id: sessionId.replace(/^sesn_/, 'sevt_'), type: 'session.deleted', processed_at: new Date().toISOString() },
});
