import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killTree, SHELL_MARKER, ticksNow } from './process-tree.js';

/** How a command ended. `died`: the shell itself ended with it (`exit`, a signal, `set -e`). */
export type CommandEnd =
  | { readonly type: 'done'; readonly exitCode: number }
  | { readonly type: 'died'; readonly exitCode: number | undefined; readonly signal: string | undefined };

/** A bash that stays open. One command at a time. */
export interface Shell {
  readonly alive: boolean;
  run(command: string, onOutput: (text: string) => void): Promise<CommandEnd>;
  /** Kills the shell and everything it started; a running command then ends as `died`. */
  kill(): Promise<void>;
  /** Kills the shell and what the running command has started; jobs of earlier commands go on. */
  killCommand(): Promise<void>;
}

/** How long output may still arrive after the shell has died; background children can hold the pipe open for good. */
const DRAIN_MS = 100;

/**
 * Commands are handed over as a file that the shell sources, so an unclosed quote meets the end of the file instead
 * of swallowing the end marker. Descriptor 3 is the output pipe: a command that redirects the shell's own output
 * (`exec > log`) loses neither the marker nor the next command's output.
 */
export function startShell(options: {
  readonly cwd: string;
  readonly scratch: string;
  /** Beside that of the supervisor. */
  readonly environment: Readonly<Record<string, string>>;
}): Shell {
  const marker = randomBytes(12).toString('hex');
  const commandFile = path.join(options.scratch, 'command');
  const variables = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
  const child = spawn('/usr/bin/env', [...variables, `${SHELL_MARKER}=${marker}`, 'TERM=dumb', 'bash', '--noprofile', '--norc'], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const pid = child.pid;
  let ended: CommandEnd | undefined;
  let commandBegan = 0;
  let onText: (text: string) => void = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => onText(text));
  child.stdin.on('error', () => {});
  const drained = once(child.stdout, 'close');
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
    await Promise.race([exited, delay(DRAIN_MS)]);
  };

  return {
    get alive() {
      return ended === undefined;
    },
    async run(command, onOutput) {
      const nonce = randomBytes(12).toString('hex');
      commandBegan = ticksNow();
      fs.writeFileSync(commandFile, command, { mode: 0o600 });
      const done = new Promise<CommandEnd>((resolve) => {
        onText = scanForEnd(nonce, onOutput, (exitCode) => resolve({ type: 'done', exitCode }));
      });
      child.stdin.write(`. ${commandFile} </dev/null >&3 2>&3 3>&-; builtin printf '\\036${nonce}:%d\\036' "$?" >&3\n`);
      const died = exited.then(async (end) => {
        await Promise.race([drained, delay(DRAIN_MS)]);
        return end;
      });
      const end = await Promise.race([done, died]);
      // What a background job prints between two commands belongs to neither.
      onText = () => {};
      return end;
    },
    kill: () => killAll(0),
    killCommand: () => killAll(commandBegan),
  };
}

/** Passes text on until the end marker `RS nonce:code RS`, holding back only what may be the beginning of one. */
function scanForEnd(nonce: string, onOutput: (text: string) => void, onEnd: (exitCode: number) => void): (text: string) => void {
  const pattern = new RegExp(`\\x1e${nonce}:(\\d+)\\x1e`);
  const longest = nonce.length + 6;
  let pending = '';
  return (text) => {
    pending += text;
    const match = pattern.exec(pending);
    if (match !== null) {
      if (match.index > 0) onOutput(pending.slice(0, match.index));
      pending = '';
      onEnd(Number(match[1]));
      return;
    }
    const separator = pending.lastIndexOf('\x1e');
    const hold = separator >= 0 && pending.length - separator <= longest ? separator : pending.length;
    if (hold > 0) onOutput(pending.slice(0, hold));
    pending = pending.slice(hold);
  };
}
