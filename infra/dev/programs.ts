import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Environment } from '../config/config.js';
import type { Child } from './child-process.js';
import { type Supervised, supervise } from './supervised.js';

const Listening = z.object({ listening: z.url() });

/** The compiled programs; their folder is beside this one in `dist`. */
const mainFile = (name: string): string => fileURLToPath(new URL(`../../apps/${name}/main.js`, import.meta.url));

/**
 * What Node is started with. The egress gateway carries bodies in buffers that are free again at once: of a small young generation they are
 * collected soon, which holds its memory down and carries more (measured: 202 MB instead of 259 under load, 250 MB/s instead of 160).
 */
export const nodeFlags = (name: string): readonly string[] => ['--enable-source-maps', ...(name === 'egress' ? ['--max-semi-space-size=2'] : [])];

export interface ProgramRequest {
  readonly home: string;
  readonly name: 'rehearsal' | 'egress' | 'worker' | 'gateway';
  readonly environment: Environment;
  readonly log: (line: string) => void;
  readonly output?: 'log' | 'pipe';
  readonly onStart?: (child: Child) => void;
}

/** Starts one of our programs on the Node that runs this, and keeps it running. */
export const startProgram = (request: ProgramRequest): Supervised =>
  supervise({ ...request, command: process.execPath, words: [...nodeFlags(request.name), mainFile(request.name)] });

/** The rehearsal model server: resolves with its address once it has said where it listens. It keeps that port in later starts. */
export async function startRehearsal(request: Omit<ProgramRequest, 'name' | 'output' | 'onStart'>): Promise<{ program: Supervised; url: string }> {
  return await new Promise((resolve, reject) => {
    const program = startProgram({
      ...request,
      name: 'rehearsal',
      output: 'pipe',
      onStart: (child) => {
        const lines = createInterface({ input: child.process.stdout ?? process.stdin });
        lines.once('line', (line) => resolve({ program, url: Listening.parse(JSON.parse(line)).listening }));
        void child.ended.then((how) => reject(new Error(`The rehearsal model server ${how} while starting (its log: ${child.logFile}).`)));
      },
    });
  });
}
