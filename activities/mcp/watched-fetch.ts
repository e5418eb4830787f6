import type { GuardedFetch } from '../web/guarded-fetch.js';

/** How long a complete answer may take to get from the wire through the client, in milliseconds. */
const GRACE_MS = 250;

/** What the MCP client's transport does over the network, as its user must know it. */
export interface WatchedFetch {
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /**
   * Rejects once an answer's body has ended and the client, a moment later, still waits: the client itself would wait for
   * ever. The error is the body's own, or tells that the stream ended.
   */
  readonly ended: Promise<never>;
}

/**
 * The guarded fetch in the form the MCP client wants. There is no listening stream (GET): a server's messages outside of an
 * answer mean nothing to a session, and the client takes 405 for a server without one.
 */
export function createWatchedFetch(guardedFetch: GuardedFetch): WatchedFetch {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined);
  const tell = (error: Error) => void setTimeout(reject, GRACE_MS, error).unref();
  return {
    ended,
    async fetch(url, init = {}) {
      const method = init.method ?? 'GET';
      if (method === 'GET') return new Response(null, { status: 405 });
      const { response } = await guardedFetch(url, {
        method,
        credentials: Object.fromEntries(new Headers(init.headers)),
        ...(typeof init.body === 'string' ? { body: init.body } : {}),
        ...(init.signal ? { signal: init.signal } : {}),
      });
      if (!response.body || !asksForAnswer(init.body)) return response;
      return new Response(watch(response.body, tell), { status: response.status, statusText: response.statusText, headers: response.headers });
    },
  };
}

/** A JSON-RPC request has an id and a method; a notification has no id. */
function asksForAnswer(body: RequestInit['body']): boolean {
  const message: unknown = typeof body === 'string' ? JSON.parse(body) : undefined;
  return typeof message === 'object' && message !== null && 'id' in message && 'method' in message;
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
