import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { RondoError } from '../../workflows/contract/errors.js';
import { createListenerClient } from './pool.js';

const TRY_EVERY_MS = 100;

/**
 * Does work while nobody else does any under the same name, whatever processes share the database. `lost` aborts when the
 * connection that proves it is lost. Errors: `service.unavailable` when the others do not end within `patienceMs`, or the
 * database is away.
 */
export type Exclusive = <T>(name: string, patienceMs: number, work: (lost: AbortSignal) => Promise<T>) => Promise<T>;

/**
 * Advisory locks over one connection, which is made at the first need. They end with the connection, so a process that dies
 * keeps nobody out; one that freezes does, for what it holds could still be done when it wakes up.
 */
export function createExclusive(options: { readonly url: string; readonly name: string }): { readonly exclusive: Exclusive; close(): Promise<void> } {
  let current: Promise<{ readonly client: pg.Client; readonly lost: AbortController }> | undefined;
  /** Within the process the database would let everybody in: the connection is one. */
  const held = new Set<string>();

  const connect = async () => {
    const client = createListenerClient(options.url, options.name);
    const lost = new AbortController();
    const end = () => {
      if (lost.signal.aborted) return;
      lost.abort(unavailable('The connection to the database ended.'));
      current = undefined;
    };
    // Kept to the end: an error nobody listens to ends the process.
    client.on('error', end);
    client.once('end', end);
    try {
      await client.connect();
    } catch (cause) {
      current = undefined;
      throw unavailable('The database cannot be reached.', cause);
    }
    return { client, lost };
  };

  const tryLock = async (name: string) => {
    if (held.has(name)) return undefined;
    held.add(name);
    try {
      current ??= connect();
      const { client, lost } = await current;
      const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
      if (rows[0]?.locked === true) return { client, lost };
    } catch (cause) {
      held.delete(name);
      throw cause instanceof RondoError ? cause : unavailable('The database cannot be reached.', cause);
    }
    held.delete(name);
    return undefined;
  };

  return {
    async exclusive(name, patienceMs, work) {
      const until = performance.now() + patienceMs;
      let lock = await tryLock(name);
      while (!lock) {
        if (performance.now() >= until) throw unavailable(`Somebody else is still at ${name}.`);
        await delay(TRY_EVERY_MS);
        lock = await tryLock(name);
      }
      try {
        return await work(lock.lost.signal);
      } finally {
        // Without an answer the connection is ended, and every lock with it.
        const { client } = lock;
        await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]).catch(() => client.end().catch(() => undefined));
        held.delete(name);
      }
    },
    async close() {
      const last = await current?.catch(() => undefined);
      await last?.client.end().catch(() => undefined);
    },
  };
}

const unavailable = (message: string, cause?: unknown): RondoError => new RondoError('service.unavailable', `${message} It is tried again.`, { cause });
