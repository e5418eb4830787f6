import type pg from 'pg';
import type { Logger } from 'pino';
import { createListenerClient } from './pool.js';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
const CHECK_EVERY_MS = 10_000;
const CHECK_TIMEOUT_MS = 5_000;

/** Postgres notifications of one process, over one connection that is made again whenever it is lost. */
export interface Listener {
  /** Calls the handler with the payload of every notification on a channel; answers how to stop that. */
  on(channel: string, handler: (payload: string) => void): () => void;
  /** Calls the handler whenever notifications may have been missed: whoever waits must look again. */
  onResync(handler: () => void): () => void;
  /** Resolves once the process listens. Keeps trying until then, or until `close`. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createListener(options: { readonly url: string; readonly channels: readonly string[]; readonly log: Logger }): Listener {
  const { log } = options;
  const handlers = new Map<string, Set<(payload: string) => void>>(options.channels.map((channel) => [channel, new Set()]));
  const resyncHandlers = new Set<() => void>();
  let client: pg.Client | undefined;
  let failures = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let settleStart: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    settleStart = resolve;
  });

  async function connect(): Promise<void> {
    const next = createListenerClient(options.url, 'rondo-listener');
    const lost = (error?: Error) => {
      if (client === next) client = undefined;
      abandon(next);
      if (closed) return;
      const delay = Math.min(FIRST_RETRY_MS * 2 ** failures++, LONGEST_RETRY_MS);
      log.warn({ error: error?.message, retryMs: delay }, 'notifications interrupted');
      clearTimeout(timer);
      timer = setTimeout(() => void connect(), delay);
    };
    next.once('error', lost);
    next.once('end', lost);
    next.on('notification', ({ channel, payload }) => {
      for (const handler of handlers.get(channel) ?? []) handler(payload ?? '');
    });
    try {
      await next.connect();
      for (const channel of handlers.keys()) await next.query(`listen ${next.escapeIdentifier(channel)}`);
    } catch (error) {
      if (next.listenerCount('end') > 0) lost(error instanceof Error ? error : undefined);
      return;
    }
    if (closed) return abandon(next);
    client = next;
    failures = 0;
    timer = setTimeout(() => void check(next, lost), CHECK_EVERY_MS);
    settleStart();
    for (const handler of resyncHandlers) handler();
  }

  /** A connection can die without a word (a lost network); a question without an answer shows it. */
  async function check(current: pg.Client, lost: (error?: Error) => void): Promise<void> {
    const unanswered = setTimeout(() => lost(new Error('no answer from the database')), CHECK_TIMEOUT_MS);
    try {
      await current.query('select 1');
      if (client === current) timer = setTimeout(() => void check(current, lost), CHECK_EVERY_MS);
    } catch {
      // The connection's own `error` or `end` reports it.
    } finally {
      clearTimeout(unanswered);
    }
  }

  return {
    on(channel, handler) {
      const listening = handlers.get(channel);
      if (!listening) throw new Error(`This listener was not created for the channel ${channel}.`);
      listening.add(handler);
      return () => void listening.delete(handler);
    },
    onResync(handler) {
      resyncHandlers.add(handler);
      return () => void resyncHandlers.delete(handler);
    },
    async start() {
      await connect();
      await started;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      settleStart();
      const last = client;
      client = undefined;
      if (!last) return;
      last.removeAllListeners();
      last.on('error', () => undefined);
      await last.end();
    },
  };
}

/** Ends a connection without waiting for a server that may not answer. */
function abandon(client: pg.Client): void {
  client.removeAllListeners();
  client.on('error', () => undefined);
  client.end().catch(() => undefined);
}
