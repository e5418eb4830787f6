import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  readonly cpus: number;
  readonly cpu: string;
  readonly memoryGb: number;
  /** Kernel and its version. */
  readonly system: string;
  readonly node: string;
  /** With `+` when the checkout differs from it. */
  readonly commit: string;
  /** Load over 1, 5 and 15 minutes before the bench began: above zero, others used the machine too. */
  readonly loadBefore: readonly number[];
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpus: processors.length,
    cpu: processors[0]?.model.trim() || 'unknown processor',
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    commit: commitOf(),
    loadBefore: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

function commitOf(): string {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/results') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
