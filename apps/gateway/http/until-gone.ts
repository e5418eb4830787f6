import type { Response } from 'express';

/** Aborts when the client closes the connection before it was answered. */
export function untilGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}
