import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../infra/config/config.js';
import { type Child, startChild } from '../infra/dev/child-process.js';
import { nodeFlags } from '../infra/dev/programs.js';
import { waitUntil } from '../infra/dev/wait-until.js';

const READY_MS = 60_000;

export interface ProgramRequest {
  readonly home: string;
  /** Names the process's record and log file; unique among those that run. */
  readonly name: string;
  /** Compiled main file, relative to the build folder, as in `apps/worker/main.js`. */
  readonly main: string;
  readonly environment: Environment;
  /** What it logs once it is ready; the first group is answered. */
  readonly ready: RegExp;
}

export interface Program extends Child {
  /** What the first group of `ready` caught. */
  readonly said: string;
}

/** Starts one of our programs on the Node that runs this, as in production but without starting it again, and waits until it is ready. */
export async function startProgram({ home, name, main, environment, ready }: ProgramRequest): Promise<Program> {
  const file = fileURLToPath(new URL(`../${main}`, import.meta.url));
  const child = startChild({ home, name, command: process.execPath, words: [...nodeFlags(name), file], environment });
  const said = await waitUntil(child, READY_MS, async () => {
    const found = ready.exec(readFileSync(child.logFile, 'utf8'));
    if (!found) throw new Error(`${name} has not said that it is ready.`);
    return found[1] ?? '';
  });
  return { ...child, said };
}
