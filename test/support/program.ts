import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { nodeFlags } from '../../infra/dev/programs.js';
import { waitFor } from './wait-for.js';

/** One of our programs as a real process, from the build, as in production. */
export interface Program {
  readonly pid: number;
  /** All it has written so far. */
  output(): string;
  /** SIGKILL, and gone. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** SIGTERM, and gone. */
  stop(): Promise<void>;
}

/** `hosts`: a file to be /etc/hosts for this program alone; needs root. */
export async function startProgram(
  name: 'worker' | 'gateway' | 'egress',
  environment: Readonly<Record<string, string>>,
  ready: RegExp,
  { hosts }: { readonly hosts?: string } = {},
): Promise<Program> {
  const words = [process.execPath, ...nodeFlags(name), `dist/apps/${name}/main.js`];
  const [program = '', ...rest] =
    hosts === undefined ? words : ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...words];
  const child = spawn(program, rest, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
    if (process.env['RONDO_TEST_LOGS']) process.stderr.write(`${name}[${child.pid}] ${chunk}`);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  // A worker whose name another one had may wait for half of that.
  await waitFor(
    `${name} to start`,
    () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}:\n${output}`);
      return ready.test(output);
    },
    60_000,
  );
  return {
    pid: child.pid ?? 0,
    output: () => output,
    kill: () => end(child, 'SIGKILL'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: () => end(child, 'SIGTERM'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
