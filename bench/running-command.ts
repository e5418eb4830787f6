import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { workspaceOf } from '../activities/sandbox/session-directories.js';
import type { Invocation } from './api.js';
import type { Run } from './part.js';
import { STARTED_FILE } from './scripts.js';
import type { Stack } from './stack.js';
import { until } from './until.js';

/** Starts a turn whose command says that it runs, and waits until it does. */
export async function startCommand(stack: Stack, run: Run, input: string): Promise<Invocation> {
  const { invocation } = await stack.api.invoke(input);
  const file = join(workspaceOf(stack.home, invocation.session_id), STARTED_FILE);
  await until('a command to run in its sandbox', () => existsSync(file), run);
  return invocation;
}
