import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { SupervisorClient } from '../../../activities/sandbox/supervisor.client.js';
import { NODE_PATH } from '../../../activities/sandbox/supervisor-command.js';
import { resultOf } from '../../direct-calls.js';
import type { Errand, Samples } from './main.js';

const PROGRAM = fileURLToPath(new URL('main.js', import.meta.url));
const LIMIT_MS = 120_000;

const parse = (text: string): Samples => z.record(z.string(), z.array(z.number()).min(1)).parse(JSON.parse(text));

/** Sends the client on an errand, on the host. */
export async function runHere(errand: Errand): Promise<Samples> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, JSON.stringify(errand)], { timeout: LIMIT_MS, maxBuffer: 1 << 24 });
  return parse(stdout);
}

/** The same client inside of a sandbox. */
export async function runInside(sandbox: SupervisorClient, errand: Errand): Promise<Samples> {
  await resultOf(sandbox, 'write', { file_path: 'client.mjs', content: readFileSync(PROGRAM, 'utf8').replace(/^\/\/# sourceMappingURL.*$/m, '') });
  return parse(await resultOf(sandbox, 'bash', { command: `${NODE_PATH} client.mjs '${JSON.stringify(errand)}'`, timeout_ms: LIMIT_MS }));
}
