import type { IncomingHttpHeaders } from 'node:http';

/** A model request as the server saw it. Times are milliseconds since 1970, with fractions. */
export interface RecordedRequest {
  readonly id: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly script: string;
  /** Which assistant message was due, counted from the last user text. */
  readonly step: number;
  readonly received_at: number;
  readonly status: number | null;
  readonly ended_at: number | null;
  /** How it ended: `dropped` by a script, `closed_early` by the client. */
  readonly end: 'complete' | 'dropped' | 'closed_early' | null;
}

type Change = Partial<Pick<RecordedRequest, 'status' | 'ended_at' | 'end'>>;

/** Requests kept; older ones are forgotten. */
const KEPT = 1000;

export const nowMs = (): number => performance.timeOrigin + performance.now();

/** What the server received, in order. */
export function createRecorder() {
  let records: RecordedRequest[] = [];
  let nextId = 1;
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };

  return {
    add(request: Pick<RecordedRequest, 'path' | 'headers' | 'body' | 'script' | 'step' | 'received_at'>): number {
      const id = nextId++;
      records = [...records.slice(1 - KEPT), { id, ...request, status: null, ended_at: null, end: null }];
      changed();
      return id;
    },

    update(id: number, change: Change): void {
      records = records.map((record) => (record.id === id ? { ...record, ...change } : record));
      changed();
    },

    all: (): readonly RecordedRequest[] => records,

    clear(): void {
      records = [];
      changed();
    },

    /** The first request that `matches`, as soon as there is one; rejects after `timeoutMs`. */
    async waitFor(matches: (request: RecordedRequest) => boolean, timeoutMs = 10_000): Promise<RecordedRequest> {
      const { promise, resolve, reject } = Promise.withResolvers<RecordedRequest>();
      const look = (): void => {
        const found = records.find(matches);
        if (found) resolve(found);
      };
      const timer = setTimeout(
        () => reject(new Error(`No matching request reached the rehearsal server within ${timeoutMs} ms; it received ${records.length}.`)),
        timeoutMs,
      );
      watchers.add(look);
      look();
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        watchers.delete(look);
      }
    },
  };
}

export type Recorder = ReturnType<typeof createRecorder>;
