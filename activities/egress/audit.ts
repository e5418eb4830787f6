import type { EgressRequest } from '../../workflows/contract/network-records.js';

/** The audit of this process: lines are written together, a little later. */
export interface Audit {
  add(workspaceId: string, request: EgressRequest): void;
  /** Resolves when everything added so far is written, or could not be. */
  flush(): Promise<void>;
  /** Flushes for the last time. */
  close(): Promise<void>;
}

export interface AuditOptions {
  readonly write: (workspaceId: string, requests: readonly EgressRequest[]) => Promise<void>;
  readonly log: { error(fields: object, message: string): void };
}

const FLUSH_EVERY_MS = 250;
const MOST_WAITING = 20_000;
const MOST_AT_ONCE = 500;

/** While the database is away lines wait, the oldest are given up beyond a bound, and the log says how many. */
export function createAudit({ write, log }: AuditOptions): Audit {
  let waiting: { readonly workspaceId: string; readonly request: EgressRequest }[] = [];
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const writeAll = async (): Promise<void> => {
    const batch = waiting.splice(0, MOST_AT_ONCE);
    if (batch.length === 0) return;
    for (const [workspaceId, lines] of Map.groupBy(batch, (line) => line.workspaceId)) {
      try {
        await write(
          workspaceId,
          lines.map(({ request }) => request),
        );
      } catch (error) {
        log.error({ error: error instanceof Error ? error.message : String(error), lines: lines.length }, 'audit lines could not be written; they wait');
        waiting = [...lines, ...waiting];
        return;
      }
    }
    await writeAll();
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(writeAll).then(schedule);
    return writing;
  };

  function schedule(): void {
    if (waiting.length > 0 && !timer) timer = setTimeout(() => void flush(), FLUSH_EVERY_MS).unref();
  }

  return {
    add(workspaceId, request) {
      waiting.push({ workspaceId, request });
      if (waiting.length > MOST_WAITING) {
        const lost = waiting.splice(0, waiting.length - MOST_WAITING).length;
        log.error({ lines: lost }, 'audit lines are lost: the database is away');
      }
      if (waiting.length >= MOST_AT_ONCE) void flush();
      else schedule();
    },
    flush,
    async close() {
      await flush();
      clearTimeout(timer);
    },
  };
}
