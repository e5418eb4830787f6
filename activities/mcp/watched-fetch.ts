import { setImmediate } from 'node:timers/promises';
import type { GuardedFetch, GuardedRequest } from '../web/guarded-fetch.js';

/** How long a complete answer may take to get from the wire through the client, in milliseconds. */
const GRACE_MS = 250;

/** What the MCP client's transport does over the network, as its user must know it. */
export interface WatchedFetch {
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** The client has got the answer to a request. */
  readonly answered: (requestId: unknown) => void;
  /**
   * Rejects once the body of an answer has ended and the answer, a moment later, was not in it: the client itself would wait
   * for ever. The error is the body's own, or tells that the stream ended.
   */
  readonly ended: Promise<never>;
  /** Nothing that was sent still waits for its response's head; among it is the word to the server that a call was given up. */
  settled(): Promise<void>;
}

/**
 * The guarded fetch in the form the MCP client wants. There is no listening stream (GET): a server's messages outside of an
 * answer mean nothing to a session, and the client takes 405 for a server without one.
 */
export function createWatchedFetch(guardedFetch: GuardedFetch, session: Pick<GuardedRequest, 'traffic' | 'credentialIds'> = {}): WatchedFetch {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined);
  const answered = new Set<unknown>();
  const underway = new Set<Promise<unknown>>();
  const tell = (requestId: unknown, error: Error) =>
    void setTimeout(() => {
      if (!answered.has(requestId)) reject(error);
    }, GRACE_MS).unref();
  /** Only what needs no answer: a request may hang for as long as it likes. */
  const note = <Value>(pending: Promise<Value>): Promise<Value> => {
    underway.add(pending);
    const forget = () => void underway.delete(pending);
    pending.then(forget, forget);
    return pending;
  };
  return {
    ended,
    async settled() {
      // The client builds its message in a few steps before it sends it.
      await setImmediate();
      await Promise.allSettled(underway);
    },
    answered: (requestId) => void answered.add(requestId),
    async fetch(url, init = {}) {
      const method = init.method ?? 'GET';
      if (method === 'GET') return new Response(null, { status: 405 });
      const pending = guardedFetch(url, {
        ...session,
        method,
        credentials: Object.fromEntries(new Headers(init.headers)),
        ...(typeof init.body === 'string' ? { body: init.body } : {}),
        ...(init.signal ? { signal: init.signal } : {}),
      });
      const requestId = requestIdOf(init.body);
      const { response } = await (requestId === undefined ? note(pending) : pending);
      if (!response.ok || !response.body || requestId === undefined) return response;
      return new Response(
        watch(response.body, (error) => tell(requestId, error)),
        { status: response.status, statusText: response.statusText, headers: response.headers },
      );
    },
  };
}

/** A JSON-RPC request has an id and a method; a notification has no id. */
function requestIdOf(body: RequestInit['body']): unknown {
  const message: unknown = typeof body === 'string' ? JSON.parse(body) : undefined;
  return typeof message === 'object' && message !== null && 'id' in message && 'method' in message ? message.id : undefined;
}

function watch(body: ReadableStream<Uint8Array>, tell: (error: Error) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        tell(new Error('The answer ended before it was complete.'));
        controller.close();
      } catch (error) {
        tell(error instanceof Error ? error : new Error(String(error)));
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
