import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';

export interface DiskUsage {
  readonly bytes: number;
  /** Files, directories and links. */
  readonly entries: number;
}

/** Stands for more than any limit. */
export const UNCOUNTABLE = Number.MAX_SAFE_INTEGER;

/** A tree that cannot be counted within this time has too many entries for any limit. */
const COUNT_TIMEOUT_MS = 20_000;

/**
 * What lies below the directories on their own file systems, in blocks that are really taken; hard links count once and links are
 * not gone through. `du` does it, a child of its own, since a large tree would keep this process busy. A directory that is not
 * there counts as nothing.
 */
export async function diskUsage(directories: readonly string[]): Promise<DiskUsage> {
  const [bytes, entries] = await Promise.all([total(directories, '--block-size=1'), total(directories, '--inodes')]);
  return { bytes, entries };
}

async function total(directories: readonly string[], unit: string): Promise<number> {
  const counting = promisify(execFile)('du', ['--summarize', '--total', '--one-file-system', unit, '--', ...directories], {
    timeout: COUNT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  const { stdout, gaveUp } = await counting.then(
    (result) => ({ stdout: result.stdout, gaveUp: false }),
    (error: { stdout?: string; killed?: boolean }) => ({ stdout: error.stdout ?? '', gaveUp: error.killed === true }),
  );
  if (gaveUp) return UNCOUNTABLE;
  // Files vanish while they are counted, so `du` may complain; its last line is the sum of what it saw.
  const [, sum] = /(\d+)\ttotal\n$/.exec(stdout) ?? [];
  if (sum === undefined) throw new Error(`du did not count ${directories.join(', ')}`);
  return Number(sum);
}

/** Free bytes and entries of the file system that a directory lies on. */
export async function freeSpace(directory: string): Promise<DiskUsage> {
  const { bavail, bsize, ffree } = await fs.statfs(directory);
  return { bytes: bavail * bsize, entries: ffree };
}
