import type { Response } from 'express';
import { RondoError } from '../../../workflows/contract/errors.js';
import { principalOf } from '../http/request-context.js';

/** What a client waits before it tries to open a stream again. */
const TRY_AGAIN_MS = 5_000;

/** Counts a response as an open stream of its key until it is closed. Errors: `request.rate_limited`. */
export type AdmitStream = (response: Response) => void;

/** At most so many open streams of one key at one gateway; 0 is no limit. Admitting a response twice counts it once. */
export function createStreamLimit(most: number): AdmitStream {
  const open = new Map<string, Set<Response>>();
  return (response) => {
    const { type, keyId } = principalOf(response);
    const key = `${type}:${keyId}`;
    const streams = open.get(key) ?? new Set();
    if (most === 0 || streams.has(response) || response.closed) return;
    if (streams.size >= most) {
      throw new RondoError('request.rate_limited', `This key has ${most} open streams, the most it may have (RONDO_STREAMS_PER_KEY); close one first.`, {
        retryAfterMs: TRY_AGAIN_MS,
      });
    }
    open.set(key, streams.add(response));
    response.once('close', () => {
      streams.delete(response);
      if (streams.size === 0) open.delete(key);
    });
  };
}
