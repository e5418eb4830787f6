import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { SandboxUser } from '../sandbox/sandbox-user.js';

/** Programs run for one clone: as an unprivileged user, in a directory of their own, and never longer than this process lives. */
export interface GitProcesses {
  /** Standard output of a program that must succeed. Throws GitFailed. */
  run(command: readonly string[]): Promise<string>;
  /** The same as it comes. */
  stream(command: readonly string[]): AsyncIterable<Uint8Array>;
}

/** A program did not succeed. `said` is foreign text: it goes nowhere as it is. */
export class GitFailed extends Error {
  readonly said: string;
  constructor(program: string, how: string, said: string) {
    super(`${program} ${how}`);
    this.said = said;
  }
}

const KEPT_STDERR = 8_192;
const MAX_STDOUT = 1024 * 1024;

export interface GitProcessOptions {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: SandboxUser;
  readonly signal: AbortSignal;
  /** Largest single file a program may write, in bytes. */
  readonly maximumFileBytes: number;
}

/**
 * Descriptor 3 is a pipe from this process: when it closes, because the work is done or this process was killed, whatever is
 * left of the group ends. $1 is the limit of a file in blocks of 512 bytes; the processor's is in seconds, of memory in KiB.
 */
const SCRIPT = `
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&-
ulimit -c 0
ulimit -f "$1"
ulimit -t 600
ulimit -v 3145728
shift
exec "$@"
`;

export function createGitProcesses({ directory, environment, user, signal, maximumFileBytes }: GitProcessOptions): GitProcesses {
  const start = (command: readonly string[]): { child: ChildProcess; stdout: Readable; ended: () => Promise<void> } => {
    signal.throwIfAborted();
    if (user.uid === 0) throw new GitFailed('git', 'may not run as root', '');
    const isRoot = process.geteuid?.() === 0;
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'git', String(Math.ceil(maximumFileBytes / 512)), ...command], {
      cwd: directory,
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
      ...(isRoot ? { uid: user.uid, gid: user.gid } : {}),
    });
    const stdout = child.stdout as Readable;
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      // Whole lines only: half a secret is not known to the redactor.
      if (said.length > KEPT_STDERR) said = said.slice(-KEPT_STDERR).replace(/^.*\n?/, '');
    });
    // Not 'close': the watcher keeps its pipe open until this side closes it.
    const exited = Promise.all([once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>, child.stderr && once(child.stderr, 'close')]);
    exited.catch(() => undefined);
    const kill = () => endGroup(child);
    signal.addEventListener('abort', kill, { once: true });
    return {
      child,
      stdout,
      async ended() {
        try {
          const [[code, killedBy]] = await exited;
          signal.throwIfAborted();
          if (code !== 0) throw new GitFailed(command[0] ?? '', code === null ? `was ended by ${killedBy}` : `ended with ${code}`, said);
        } finally {
          signal.removeEventListener('abort', kill);
        }
      },
    };
  };

  async function* stream(command: readonly string[]): AsyncGenerator<Uint8Array> {
    const { child, stdout, ended } = start(command);
    try {
      yield* stdout as AsyncIterable<Uint8Array>;
      await ended();
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      endGroup(child);
    }
  }

  return {
    stream,
    async run(command) {
      const pieces: Uint8Array[] = [];
      let bytes = 0;
      for await (const piece of stream(command)) {
        bytes += piece.length;
        if (bytes > MAX_STDOUT) throw new GitFailed(command[0] ?? '', 'printed too much', '');
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString('utf8');
    },
  };
}

/** Kills the program and all it started, the watcher included. */
function endGroup({ pid, stdio }: ChildProcess): void {
  for (const pipe of stdio) pipe?.destroy();
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended already
  }
}
