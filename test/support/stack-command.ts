import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { waitFor } from './wait-for.js';

/** The command line of Rondo as a user runs it, in a data folder of its own and on a free port. */
export interface StackCommand {
  readonly process: ChildProcess;
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

export function runRondo(words: readonly string[], home: string, environment: Readonly<Record<string, string>> = {}): StackCommand {
  const child = spawn(process.execPath, ['dist/apps/cli/main.js', ...words], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...(process.env['RONDO_CACHE'] ? { RONDO_CACHE: process.env['RONDO_CACHE'] } : {}),
      RONDO_HOME: home,
      RONDO_PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
  }
  return { process: child, output: () => output, ended: once(child, 'exit').then(([code]) => code as number | null) };
}

/** Waits until the command has printed this; fails with all it printed if it ends before. */
export async function waitForOutput(command: StackCommand, expected: RegExp): Promise<RegExpExecArray> {
  await waitFor(
    `${expected} in the output`,
    () => {
      if (command.process.exitCode !== null) throw new Error(`The command ended with ${command.process.exitCode}:\n${command.output()}`);
      return expected.test(command.output());
    },
    60_000,
  );
  const found = expected.exec(command.output());
  if (!found) throw new Error(`${expected} was printed and then was not`);
  return found;
}

/** Command lines of all processes that belong to a data folder, by their arguments or their environment. */
export function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const line = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const belongs = line !== '' && (line.includes(home) || read(`/proc/${pid}/environ`).includes(home));
      return belongs ? [`${pid} ${line}`] : [];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
