import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { OutputPipes } from './output-pipes.js';
import { killTree, SHELL_MARKER, startedSince, ticksNow } from './process-tree.js';
import { createUtf8Normalizer } from './utf8.js';

/** How a command ended. `died`: the shell itself ended with it (`exit`, a signal, `set -e`). */
export type CommandEnd =
  | { readonly type: 'done'; readonly exitCode: number }
  | { readonly type: 'died'; readonly exitCode: number | undefined; readonly signal: string | undefined };

/** Programs that a command has left behind and that can still print. */
export interface BackgroundJobs {
  /** Some of them, for people: process id and name. */
  readonly names: readonly string[];
  /** Resolves when none of them can print any more. */
  readonly ended: Promise<void>;
}

export interface CommandRun {
  readonly end: CommandEnd;
  readonly background: BackgroundJobs | undefined;
}

/** A bash that stays open. One command at a time. */
export interface Shell {
  readonly alive: boolean;
  /** Whole characters of UTF-8 come to `onOutput`, also what programs left in the background print after the command has ended. */
  run(command: string, onOutput: (bytes: Buffer) => void): Promise<CommandRun>;
  /** Puts variables into its environment before anything has run in it. False when they have to be there from its start. */
  define(environment: Readonly<Record<string, string>>): boolean;
  /** Kills the shell and everything it started; a running command then ends as `died`. */
  kill(): Promise<void>;
  /** Kills the shell and what the running command has started; jobs of earlier commands go on. */
  killCommand(): Promise<void>;
}

/** Names that bash takes from its environment in another way than from an assignment, or not at all. */
const FROM_THE_START =
  /^(?:IFS|PWD|OLDPWD|SHLVL|PS[0-4]|COMP_WORDBREAKS|GLOBIGNORE|IGNOREEOF|ignoreeof|OPT(?:IND|ARG|ERR)|RANDOM|SRANDOM|SECONDS|LINENO|EPOCH\w+|E?UID|PPID|GROUPS|DIRSTACK|FUNCNAME|HISTCMD|PIPESTATUS|SHELLOPTS|BASH\w*|_)$/;
const NAME = /^[A-Za-z_]\w*$/;

/** How long a job in the background is given to turn its output elsewhere. */
const MOVING_AWAY_MS = 100;
/** How long a killed shell is waited for. */
const EXIT_MS = 100;

/**
 * Commands are handed over as a file that the shell sources, so an unclosed quote meets the end of the file instead of
 * swallowing what follows. Each prints to a pipe of its own; how it ended comes over descriptor 3, which it does not have.
 */
export function startShell(options: {
  readonly cwd: string;
  readonly scratch: string;
  readonly pipes: OutputPipes;
  /** Beside that of the supervisor. */
  readonly environment: Readonly<Record<string, string>>;
}): Shell {
  const marker = randomBytes(12).toString('hex');
  const commandFile = path.join(options.scratch, 'command');
  const own = { [SHELL_MARKER]: marker, TERM: 'dumb' };
  const variables = Object.entries({ ...options.environment, ...own }).map(([name, value]) => `${name}=${value}`);
  const child = spawn('/usr/bin/env', [...variables, 'bash', '--noprofile', '--norc'], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const pid = child.pid;
  let ended: CommandEnd | undefined;
  let commandBegan = 0;
  let onAnswer: (text: string) => void = () => {};
  child.stdout.setEncoding('latin1').on('data', (text: string) => onAnswer(text));
  child.stdin.on('error', () => {});
  const exited = new Promise<CommandEnd>((resolve) => {
    const end = (exitCode: number | null, signal: string | null) => {
      ended ??= { type: 'died', exitCode: exitCode ?? undefined, signal: signal ?? undefined };
      resolve(ended);
    };
    child.once('exit', end);
    child.once('error', () => end(127, null));
  });
  // The out-of-memory killer should take what the agent runs, not the supervisor.
  child.stdin.write('exec 3>&1 1>/dev/null; echo 1000 2>/dev/null >/proc/self/oom_score_adj\n');

  const killAll = async (spareBefore: number): Promise<void> => {
    if (pid !== undefined) await killTree({ pid, marker }, spareBefore);
    await Promise.race([exited, delay(EXIT_MS)]);
  };

  return {
    get alive() {
      return ended === undefined;
    },
    async run(command, onOutput) {
      const nonce = randomBytes(12).toString('hex');
      const text = createUtf8Normalizer();
      commandBegan = ticksNow();
      fs.writeFileSync(commandFile, command, { mode: 0o600 });
      const output = options.pipes.open((bytes) => onOutput(text.push(bytes)));
      const done = new Promise<CommandEnd>((resolve) => {
        onAnswer = awaitEnd(nonce, (exitCode) => resolve({ type: 'done', exitCode }));
      });
      child.stdin.write(`. ${commandFile} </dev/null >${output.path} 2>&1 3>&-; builtin printf '${nonce}:%d\\n' "$?" >&3\n`);
      const end = await Promise.race([done, exited]);
      onAnswer = () => {};
      // A job that prints elsewhere may just be about to.
      if (output.settle() && !(await isOver(output.closed))) {
        return { end, background: { names: startedSince(marker, commandBegan, pid), ended: output.closed } };
      }
      onOutput(text.end());
      return { end, background: undefined };
    },
    define(environment) {
      const variables = Object.entries({ ...environment, ...own });
      if (!variables.every(([name]) => NAME.test(name) && !FROM_THE_START.test(name))) return false;
      // A shell reads a file at once, and its input a byte at a time.
      const file = path.join(options.scratch, 'environment');
      try {
        fs.writeFileSync(file, variables.map(([name, value]) => `export ${name}=${quoted(value)}\n`).join(''), { mode: 0o600 });
      } catch {
        return false;
      }
      child.stdin.write(`. ${file}\n`);
      return true;
    },
    kill: () => killAll(0),
    killCommand: () => killAll(commandBegan),
  };
}

/** One word for a shell, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const isOver = (closed: Promise<void>): Promise<boolean> => Promise.race([closed.then(() => true), delay(MOVING_AWAY_MS, false)]);

/** Waits for the line `nonce:code`. Only the shell has the descriptor, but what it runs may have found it. */
function awaitEnd(nonce: string, onEnd: (exitCode: number) => void): (text: string) => void {
  const pattern = new RegExp(`${nonce}:(\\d+)\n`);
  let seen = '';
  return (text) => {
    seen = (seen + text).slice(-1_000);
    const match = pattern.exec(seen);
    if (match !== null) onEnd(Number(match[1]));
  };
}
