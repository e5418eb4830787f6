import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** A socket that nobody took within this time belongs to a worker that died. */
const ABANDONED_MS = 60_000;
const CHECK_INTERVAL_MS = 100;

export interface HostSocketOptions {
  /** Directory of the host, mounted read-only into the sandbox, where the supervisor looks for sockets to dial. */
  readonly directory: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Ends the wait early when there is nobody left who could dial. */
  readonly isAlive: () => Promise<boolean>;
}

/**
 * Listens on a new socket until the supervisor dials it: the host opens nothing that the sandbox could have put
 * there. Resolves to undefined when the sandbox has ended or the time is over.
 */
export async function awaitDial(options: HostSocketOptions): Promise<Duplex | undefined> {
  const { directory, signal } = options;
  signal?.throwIfAborted();
  await removeAbandoned(directory);
  const folder = await fs.open(directory, 'r');
  // Reached through the open directory, since a socket's path may have 107 bytes at most.
  const base = `/proc/self/fd/${folder.fd}`;
  const name = randomBytes(8).toString('hex');
  const server = net.createServer();
  try {
    const dialled = new Promise<net.Socket>((resolve, reject) => {
      server.once('connection', resolve);
      server.once('error', reject);
    });
    await new Promise<void>((resolve) => server.listen({ path: `${base}/${name}`, writableAll: true }, resolve));
    // Under its final name only now: who sees it can connect.
    await fs.rename(`${base}/${name}`, `${base}/${name}.sock`);
    const until = performance.now() + options.timeoutMs;
    const timer = new AbortController();
    const over = async (): Promise<undefined> => {
      while (performance.now() < until) {
        await delay(CHECK_INTERVAL_MS, undefined, { signal: timer.signal });
        signal?.throwIfAborted();
        if (!(await options.isAlive())) return undefined;
      }
      return undefined;
    };
    try {
      return await Promise.race([dialled, over()]);
    } finally {
      timer.abort();
    }
  } finally {
    server.close();
    await fs.rm(`${base}/${name}.sock`, { force: true });
    await folder.close();
  }
}

async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await fs.readdir(directory)) {
    const file = path.join(directory, name);
    const stat = await fs.lstat(file).catch(() => undefined);
    if (stat !== undefined && Date.now() - stat.ctimeMs > ABANDONED_MS) await fs.rm(file, { force: true });
  }
}
