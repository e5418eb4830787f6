import { RondoError } from '../../workflows/contract/errors.js';
import { type DiskUsage, diskUsage, freeSpace, UNCOUNTABLE } from './disk-usage.js';
import { createDiskWatch, highestOf } from './disk-watch.js';

/** One entry for each so many bytes of the limit. */
const BYTES_PER_ENTRY = 4096;

export interface GuardedSandbox {
  readonly sessionId: string;
  readonly name: string;
  /** All that the sandbox can write on the host's file system. */
  readonly directories: readonly string[];
  readonly isRunning: () => Promise<boolean>;
  readonly stopWork: (reason: string) => void;
  readonly destroy: () => Promise<void>;
}

/** Holds the sandboxes of one worker to their share of the disk, and remembers whom it had to end. */
export interface DiskGuard {
  /** Again for a sandbox whose connection is a new one. */
  begin(sandbox: GuardedSandbox): void;
  end(name: string): void;
  /** Why a sandbox was ended for its disk, as a sentence; undefined when it was not. */
  whyEnded(name: string): string | undefined;
  /** Throws `sandbox.unavailable` for a session that holds more than can ever be cleaned up from inside. */
  refuse(sessionId: string): void;
  close(): void;
}

export interface DiskGuardOptions {
  readonly limitBytes: number;
  /** The folder whose file system all directories lie on. */
  readonly home: string;
  readonly onError: (name: string, error: unknown) => void;
  readonly intervalMs?: number;
}

export function createDiskGuard({ limitBytes, home, onError, intervalMs }: DiskGuardOptions): DiskGuard {
  const limit: DiskUsage = { bytes: limitBytes, entries: Math.ceil(limitBytes / BYTES_PER_ENTRY) };
  const watch = createDiskWatch({
    limit,
    measure: diskUsage,
    free: () => freeSpace(home),
    onError,
    ...(intervalMs === undefined ? {} : { intervalMs }),
  });
  const watched = new Map<string, { sandbox: GuardedSandbox; readonly stop: () => void }>();
  const ended = new Map<string, string>();
  const overfull = new Map<string, string>();
  const reached = (usage: DiskUsage): string =>
    `Disk limit reached: /workspace and /mnt hold ${usage.entries === UNCOUNTABLE ? 'more files than can be counted' : `${mebibytes(usage.bytes)} MiB in ${usage.entries} files`}; the limit is ${mebibytes(limit.bytes)} MiB and ${limit.entries} files.`;

  return {
    begin(sandbox) {
      const { sessionId, name, directories } = sandbox;
      const known = watched.get(name);
      if (known !== undefined) {
        known.sandbox = sandbox;
        return;
      }
      const stop = watch.watch(name, {
        directories,
        async isRunning() {
          const isRunning = await sandbox.isRunning();
          if (!isRunning) watched.delete(name);
          return isRunning;
        },
        stopWork: (usage) => watched.get(name)?.sandbox.stopWork(`${reached(usage)} Delete what is not needed.`),
        async end(usage) {
          ended.set(name, reached(usage));
          const highest = highestOf(limit);
          if (usage.bytes > highest.bytes || usage.entries > highest.entries) overfull.set(sessionId, reached(usage));
          await sandbox.destroy();
          watched.delete(name);
        },
      });
      watched.set(name, { sandbox, stop });
    },
    end(name) {
      watched.get(name)?.stop();
      watched.delete(name);
    },
    whyEnded(name) {
      const reason = ended.get(name);
      ended.delete(name);
      return reason;
    },
    refuse(sessionId) {
      const reason = overfull.get(sessionId);
      if (reason === undefined) return;
      throw new RondoError(
        'sandbox.unavailable',
        `Session ${sessionId} gets no sandbox any more: ${reason} Delete the session, or raise RONDO_SANDBOX_DISK_MB and restart the worker.`,
      );
    },
    close: watch.close,
  };
}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
