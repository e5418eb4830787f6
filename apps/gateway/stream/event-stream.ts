import type { Response } from 'express';
import { encodeFrame, type Frame, PING } from './frame.js';

const PING_EVERY_MS = 15_000;
/** A client that takes nothing for this long is gone. */
const PATIENCE_MS = 60_000;

/** A response as a stream of server-sent events. */
export interface EventStream {
  /** Aborts when the client went away, stopped reading, or the process ends. */
  readonly signal: AbortSignal;
  /** Sends the headers at once: clients wait for them before they list the history (wire section 3.3). */
  open(): void;
  /** Resolves when the client can take more. */
  send(frames: readonly Frame[]): Promise<void>;
  end(): void;
}

export function createEventStream(response: Response, shutdown: AbortSignal): EventStream {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, shutdown]);
  response.once('close', () => gone.abort());
  let pings: NodeJS.Timeout | undefined;
  response.once('close', () => clearInterval(pings));

  return {
    signal,
    open() {
      response.status(200).set({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' });
      response.flushHeaders();
      pings = setInterval(() => {
        if (!response.writableNeedDrain) response.write(encodeFrame(PING));
      }, PING_EVERY_MS);
    },
    async send(frames) {
      if (frames.length === 0 || signal.aborted) return;
      if (!response.write(frames.map(encodeFrame).join(''))) await drained(response, signal);
    },
    end() {
      clearInterval(pings);
      response.end();
    },
  };
}

function drained(response: Response, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      response.off('drain', settle);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(() => response.destroy(), PATIENCE_MS);
    response.once('drain', settle);
    signal.addEventListener('abort', settle, { once: true });
  });
}
