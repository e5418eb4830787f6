import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Platform } from './platform.js';
import { waitFor } from './wait-for.js';

/** A script whose one command leaves a line in a file, stays busy for a while, and ends with a word. */
export const oneEffect = (seconds: number) => ({
  replies: [
    { tool_calls: [{ name: 'bash', input: { command: `echo effect >> /workspace/effects.txt; sleep ${seconds}; echo finished` } }] },
    { text: 'The result was: {{last_result}}' },
  ],
});

const effectsFile = (platform: Platform, sessionId: string): string => join(platform.home, 'workspaces', sessionId, 'effects.txt');

/** How often the command's side effect happened. */
export function effectCount(platform: Platform, sessionId: string): number {
  const file = effectsFile(platform, sessionId);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0;
}

/** The observed point: the command has done its effect and still runs. */
export const waitForEffect = (platform: Platform, sessionId: string): Promise<unknown> =>
  waitFor('the command to run', () => existsSync(effectsFile(platform, sessionId)));
