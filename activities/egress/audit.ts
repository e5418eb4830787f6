import type { EgressRequest } from '../../workflows/contract/network-records.js';

/** The audit of this process: lines are written together, a little later. */
export interface Audit {
  add(workspaceId: string, request: EgressRequest): void;
  /** Resolves when everything added so far is written, or could not be. */
  flush(): Promise<void>;
  /** Flushes for the last time. */
  close(): Promise<void>;
}

interface Waiting {
  readonly workspaceId: string;
  readonly request: EgressRequest;
}

export interface AuditOptions {
  readonly write: (workspaceId: string, requests: readonly EgressRequest[]) => Promise<void>;
  readonly log: { error(fields: object, message: string): void };
}

const FLUSH_EVERY_MS = 250;
const MOST_WAITING = 20_000;
const MOST_AT_ONCE = 500;

/**
 * While the database is away lines wait. Beyond a bound some are given up, and the log says how many: the newest of the session
 * that has the most, so that none floods away the lines of others, nor its own older ones.
 */
export function createAudit({ write, log }: AuditOptions): Audit {
  let waiting: Waiting[] = [];
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let flushes = 0;
  let isAway = false;

  const writeAll = async (): Promise<void> => {
    const batch = waiting.splice(0, MOST_AT_ONCE);
    if (batch.length === 0) return;
    const unwritten: Waiting[] = [];
    for (const [workspaceId, lines] of Map.groupBy(batch, (line) => line.workspaceId)) {
      try {
        await write(
          workspaceId,
          lines.map(({ request }) => request),
        );
      } catch (error) {
        log.error({ error: error instanceof Error ? error.message : String(error), lines: lines.length }, 'audit lines could not be written; they wait');
        unwritten.push(...lines);
      }
    }
    waiting = [...unwritten, ...waiting];
    isAway = unwritten.length > 0;
    if (!isAway) await writeAll();
  };

  const giveUpSome = (): void => {
    const [most = []] = [...Map.groupBy(waiting, ({ request }) => request.sessionId).values()].toSorted((a, b) => b.length - a.length);
    const lost = new Set(most.slice(Math.floor(most.length / 2)));
    waiting = waiting.filter((line) => !lost.has(line));
    log.error({ lines: lost.size, session: most[0]?.request.sessionId }, 'audit lines are lost: the database is away, or too slow');
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    flushes += 1;
    writing = writing.then(writeAll).then(() => {
      flushes -= 1;
      schedule();
    });
    return writing;
  };

  function schedule(): void {
    if (waiting.length > 0 && flushes === 0 && !timer) timer = setTimeout(() => void flush(), FLUSH_EVERY_MS).unref();
  }

  return {
    add(workspaceId, request) {
      waiting.push({ workspaceId, request });
      if (waiting.length > MOST_WAITING) giveUpSome();
      // One at a time, and after a failure none before its time: a flood of lines must not become one of attempts.
      if (waiting.length >= MOST_AT_ONCE && flushes === 0 && !isAway) void flush();
      else schedule();
    },
    flush,
    async close() {
      await flush();
      clearTimeout(timer);
    },
  };
}
