import type { SessionRef } from '../../workflows/contract/activities.js';
import type { CallOutputPiece } from '../../workflows/contract/sandbox-records.js';
import type { SessionStore } from '../session/store.port.js';
import { cleanOutput, type StreamRedactor } from './output-cleaner.js';

export interface LiveOutputDependencies {
  readonly store: Pick<SessionStore, 'publishCallOutput' | 'endOfCallOutput'>;
  readonly redact: StreamRedactor;
}

/** What a running call prints, on its way to the clients that want it. */
export interface LiveOutput {
  /** Where it goes on, in bytes: behind what earlier attempts have published. */
  readonly from: number;
  /** Takes the next piece. One that begins later than the last has ended leaves a gap; one that begins earlier is dropped. */
  push(text: string, offset: number): void;
  /** Nothing is published after this resolves. */
  close(): Promise<void>;
}

/** The result of a call that ends before this says it all, and nobody pays for publishing it. */
const FIRST_AFTER_MS = 200;
const EVERY_MS = 100;
/** What waits to be published is dropped beyond this, oldest first; so is what cannot be told from a secret for so long. */
const MOST_WAITING_BYTES = 64 * 1024;

/**
 * Publishes a call's output a few times a second, in order and each byte at most once, also over several attempts. Losing
 * some is allowed (the result is the truth), so a failing publish never fails the call.
 */
export async function openLiveOutput(
  { store, redact }: LiveOutputDependencies,
  ref: SessionRef,
  { callId, attempt }: { readonly callId: string; readonly attempt: number },
): Promise<LiveOutput> {
  const from = attempt === 1 ? 0 : await store.endOfCallOutput(ref, callId);
  let waiting: CallOutputPiece[] = [];
  let waitingBytes = 0;
  /** The end of what was taken, of which nothing can be shown yet, and where it begins. */
  let held = '';
  let heldFrom = from;
  let received = from;
  let timer: NodeJS.Timeout | undefined;
  let publishing: Promise<void> | undefined;
  let closed = false;
  const firstAt = performance.now() + FIRST_AFTER_MS;

  const schedule = () => {
    if (closed || publishing !== undefined || waiting.length === 0) return;
    timer ??= setTimeout(publish, Math.max(EVERY_MS, firstAt - performance.now()));
  };
  const publish = () => {
    timer = undefined;
    const pieces = waiting;
    waiting = [];
    waitingBytes = 0;
    publishing = store
      .publishCallOutput(ref, { callId, attempt, pieces })
      .catch(() => undefined)
      .finally(() => {
        publishing = undefined;
        schedule();
      });
  };
  const add = (piece: CallOutputPiece) => {
    waiting.push(piece);
    waitingBytes += piece.bytes;
    while (waitingBytes > MOST_WAITING_BYTES && waiting.length > 1) waitingBytes -= waiting.shift()?.bytes ?? 0;
    schedule();
  };

  return {
    from,
    push(text, offset) {
      if (offset < received) return;
      if (offset > received) {
        held = '';
        heldFrom = offset;
      }
      received = offset + Buffer.byteLength(text);
      held += text;
      const cleaned = cleanOutput(held, redact);
      if (cleaned.length > 0) {
        const bytes = Buffer.byteLength(held.slice(0, cleaned.length));
        add({ begins: heldFrom, bytes, text: cleaned.text });
        held = held.slice(cleaned.length);
        heldFrom += bytes;
      }
      if (received - heldFrom > MOST_WAITING_BYTES) {
        held = '';
        heldFrom = received;
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await publishing;
    },
  };
}
