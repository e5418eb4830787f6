import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../config/config.js';
import { homeFolder } from './home.js';
import { openRecord, removeRecord, signalGroup } from './process-record.js';

const LONGEST_LOG_BYTES = 20_000_000;

/**
 * The child writes its own record (as the file handle 3) before it becomes the program: however early the parent dies, no
 * program runs without a record. Field 22 of /proc/<pid>/stat is the start time.
 */
const RECORD_THEN_BECOME = `
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < /proc/$$/stat
fields() { shift 19; printf '{"pid":%s,"start":"%s","boot":"%s"}' "$$" "$1" "$boot" >&3; }
fields \${stat##*) }
exec 3>&-
exec "$@"
`;

export interface ChildRequest {
  /** RONDO_HOME. */
  readonly home: string;
  /** Names the record and the log file. */
  readonly name: string;
  readonly command: string;
  readonly words: readonly string[];
  readonly environment: Environment;
  /** The system user to run as; without it this process's own. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** `pipe` lets the caller read standard output; standard error goes to the log either way. */
  readonly output?: 'log' | 'pipe';
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly logFile: string;
  /** Resolves when it has ended, with a sentence saying how. */
  readonly ended: Promise<string>;
  /** Signals it and all of its process group. */
  signal(signal: NodeJS.Signals): void;
  /** `signal`, and SIGKILL after `graceMs`; resolves when it has ended. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<void>;
}

/** Starts a recorded program in a process group of its own, so that the terminal's Ctrl-C reaches only us and we end things in order. */
export function startChild(request: ChildRequest): Child {
  const { home, name, command, words, environment, user, output = 'log' } = request;
  const logFile = join(homeFolder(home, 'logs'), `${name}.log`);
  const log = openSync(logFile, isTooLong(logFile) ? 'w' : 'a', 0o600);
  const record = openRecord(home, name);
  const child = spawn('/bin/sh', ['-c', RECORD_THEN_BECOME, 'sh', command, ...words], {
    env: environment,
    detached: true,
    stdio: ['ignore', output === 'pipe' ? 'pipe' : log, log, record.descriptor],
    ...user,
  });
  record.close();
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name}: ${command} could not be started.`);

  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      removeRecord(home, name);
      resolve(signal ? `ended by ${signal}` : `ended with code ${code}`);
    });
  });
  const send = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) signalGroup(pid, signal);
  };
  return {
    name,
    pid,
    process: child,
    logFile,
    ended,
    signal: send,
    stop: async (signal, graceMs) => {
      send(signal);
      const timer = setTimeout(() => send('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function isTooLong(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LONGEST_LOG_BYTES;
}
