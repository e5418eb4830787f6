import * as fs from 'node:fs';

/** How often the kernel has enforced a limit on this sandbox; undefined where it does not say. */
export interface LimitCounts {
  readonly outOfMemory: number | undefined;
  readonly processRefused: number | undefined;
}

/** The sandbox's own control groups as it sees them, version 2 and version 1. */
const MEMORY_EVENTS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];
const PROCESS_EVENTS = ['/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'];
const MEMORY_LIMITS = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

export const readLimitCounts = (): LimitCounts => ({
  outOfMemory: firstNumber(MEMORY_EVENTS, /^oom_kill (\d+)$/m),
  processRefused: firstNumber(PROCESS_EVENTS, /^max (\d+)$/m),
});

interface Ended {
  readonly exitCode: number | undefined;
  readonly printed: string;
}

const KILLED = 128 + 9;
const FILE_TOO_LARGE = 128 + 25;

/** Sentences for the model on each limit that a command has run into; what only looks like it is called likely. */
export function describeLimits(before: LimitCounts, after: LimitCounts, { exitCode, printed }: Ended): string[] {
  // A command that succeeded may well have printed such words: it has read them somewhere.
  const said = (pattern: RegExp) => exitCode !== 0 && pattern.test(printed);
  const notes: string[] = [];
  const killed = increase(before.outOfMemory, after.outOfMemory);
  if (killed === undefined ? exitCode === KILLED || /: line \d+: +\d+ Killed/.test(printed) : killed > 0) {
    notes.push(
      killed === undefined
        ? 'A program was killed, most likely because it needed more memory than the sandbox has.'
        : `Out of memory: ${killed === 1 ? 'a program was' : `${killed} programs were`} killed at the sandbox's limit${memoryLimit()}.`,
    );
  }
  const refused = increase(before.processRefused, after.processRefused);
  if (
    (refused ?? 0) > 0 ||
    said(/fork: (retry: )?(Resource temporarily unavailable|Cannot allocate)|[Cc]annot fork|can't start new thread|pthread_create failed/)
  ) {
    notes.push('Too many processes: the sandbox has reached its limit, and more were refused. End some, or run fewer at once.');
  }
  if (exitCode === FILE_TOO_LARGE || said(/File size limit exceeded|File too large/)) {
    notes.push('Disk limit: a file has grown to all that the sandbox may keep, and what was written beyond was refused. Delete what is not needed.');
  } else if (said(/No space left on device|ENOSPC/)) {
    notes.push('Disk full: /tmp and the home directory are small and in memory; /workspace has more room. Delete what is not needed.');
  }
  return notes;
}

const increase = (before: number | undefined, after: number | undefined): number | undefined =>
  before === undefined || after === undefined ? undefined : after - before;

function memoryLimit(): string {
  const bytes = firstNumber(MEMORY_LIMITS, /^(\d+)$/m);
  return bytes === undefined ? '' : ` of ${Math.round(bytes / 2 ** 20)} MiB`;
}

function firstNumber(files: readonly string[], pattern: RegExp): number | undefined {
  for (const file of files) {
    try {
      const [, number] = pattern.exec(fs.readFileSync(file, 'utf8')) ?? [];
      if (number !== undefined) return Number(number);
    } catch {
      // The other version of control groups, or none.
    }
  }
  return undefined;
}
