import type { DiskUsage } from './disk-usage.js';

/** A sandbox whose disk is watched. */
export interface WatchedSandbox {
  readonly directories: readonly string[];
  /** Whether there is anything left to watch. */
  isRunning(): Promise<boolean>;
  /** Ends everything that runs inside and tells the model; the sandbox lives on. */
  stopWork(usage: DiskUsage): void;
  /** Ends the sandbox: it went on writing, or holds more than it will ever be given. */
  end(usage: DiskUsage): Promise<void>;
}

export interface DiskWatch {
  /** Watches until the returned function is called, or the sandbox is ended. A name that is watched already is success. */
  watch(name: string, sandbox: WatchedSandbox): () => void;
  close(): void;
}

export interface DiskWatchOptions {
  readonly limit: DiskUsage;
  readonly measure: (directories: readonly string[]) => Promise<DiskUsage>;
  /** What is left of the file system that all directories lie on. */
  readonly free: () => Promise<DiskUsage>;
  readonly onError: (name: string, error: unknown) => void;
  readonly intervalMs?: number;
}

const INTERVAL_MS = 200;
/** However quiet the file system is. */
const RECOUNT_MS = 30_000;
/** What is over the ceiling and not worth ending anything for: a single file at the limit, the shell's own files while one cleans up. */
const SLACK: DiskUsage = { bytes: 16 << 20, entries: 4_000 };
/** What runs has this long to end, and grows meanwhile. */
const GRACE_MS = 700;
/** A sandbox that goes on growing within this time after its grace does not heed. */
const HEED_MS = 10_000;
/** How far over the limit a sandbox may ever be, if that is more than the limit again: a fast disk writes this much in a second. */
const LEAST_MARGIN: DiskUsage = { bytes: 1 << 30, entries: 250_000 };

interface Watched {
  readonly sandbox: WatchedSandbox;
  counting: boolean;
  /** What was counted last, and what was free on the file system then. */
  last: { readonly at: number; readonly usage: DiskUsage; readonly free: DiskUsage } | undefined;
  /** More than this ends the work: the limit, or what was there already, which may be deleted but not grow. */
  ceiling: DiskUsage;
  stoppedAt: number;
}

/**
 * Holds sandboxes to their share of the disk where the file system has no quotas. Asking what is free costs one call for all of
 * them; only when enough has gone that one of them could have reached its limit are their directories counted.
 */
export function createDiskWatch(options: DiskWatchOptions): DiskWatch {
  const { limit } = options;
  const highest = highestOf(limit);
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;

  const count = async (name: string, entry: Watched, free: DiskUsage): Promise<void> => {
    const isFirst = entry.last === undefined;
    if (!isFirst && !(await entry.sandbox.isRunning())) return void watched.delete(name);
    const usage = await options.measure(entry.sandbox.directories);
    if (watched.get(name) !== entry) return;
    entry.last = { at: performance.now(), usage, free };
    const isBearable = within(usage, highest);
    if (isBearable && (isFirst || within(usage, plus(entry.ceiling, SLACK)))) {
      entry.ceiling = higher(limit, isFirst ? usage : lower(usage, entry.ceiling));
      return;
    }
    entry.ceiling = higher(limit, usage);
    const sinceStop = performance.now() - entry.stoppedAt;
    if (isBearable && sinceStop < GRACE_MS) return;
    if (isBearable && sinceStop > HEED_MS) {
      entry.stoppedAt = performance.now();
      return entry.sandbox.stopWork(usage);
    }
    await entry.sandbox.end(usage);
    watched.delete(name);
  };

  const look = async (): Promise<void> => {
    const free = await options.free();
    for (const [name, entry] of watched) {
      if (entry.counting || !isDue(entry, free)) continue;
      entry.counting = true;
      void count(name, entry, free)
        .catch((error: unknown) => options.onError(name, error))
        .finally(() => {
          entry.counting = false;
        });
    }
  };

  const schedule = () => {
    timer ??= setTimeout(() => {
      void look()
        .catch((error: unknown) => options.onError('all', error))
        .finally(() => {
          timer = undefined;
          if (watched.size > 0) schedule();
        });
    }, options.intervalMs ?? INTERVAL_MS).unref();
  };

  return {
    watch(name, sandbox) {
      const entry: Watched = { sandbox, counting: false, last: undefined, ceiling: limit, stoppedAt: Number.NEGATIVE_INFINITY };
      watched.set(name, watched.get(name) ?? entry);
      schedule();
      return () => void watched.delete(name);
    },
    close() {
      watched.clear();
      clearTimeout(timer);
    },
  };
}

/** More than this cannot be cleaned up from inside: such a sandbox is ended at once. */
export const highestOf = (limit: DiskUsage): DiskUsage => plus(limit, higher(limit, LEAST_MARGIN));

/** Whether so much has gone since the last count that this one may be near its ceiling. */
function isDue({ last, ceiling }: Watched, free: DiskUsage): boolean {
  if (last === undefined || performance.now() - last.at > RECOUNT_MS) return true;
  const reached = (key: keyof DiskUsage) => last.free[key] - free[key] > Math.max(SLACK[key], (ceiling[key] - last.usage[key]) / 2);
  return reached('bytes') || reached('entries');
}

const each = (a: DiskUsage, b: DiskUsage, join: (x: number, y: number) => number): DiskUsage => ({
  bytes: join(a.bytes, b.bytes),
  entries: join(a.entries, b.entries),
});
const higher = (a: DiskUsage, b: DiskUsage) => each(a, b, Math.max);
const lower = (a: DiskUsage, b: DiskUsage) => each(a, b, Math.min);
const plus = (a: DiskUsage, b: DiskUsage) => each(a, b, (x, y) => x + y);
const within = (usage: DiskUsage, ceiling: DiskUsage): boolean => usage.bytes <= ceiling.bytes && usage.entries <= ceiling.entries;
