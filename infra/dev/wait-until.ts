import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child-process.js';

const POLL_MS = 50;
const SHOWN_LINES = 15;

/**
 * Waits until `attempt` stops failing, while the child lives. Fails when the child ends or `timeoutMs` is over; the message holds
 * the last lines of its log.
 */
export async function waitUntil<Result>(child: Child, timeoutMs: number, attempt: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  let end: string | undefined;
  void child.ended.then((how) => {
    end = how;
  });
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (end !== undefined) throw new Error(`${child.name} ${end} while starting.${lastLines(child)}`, { cause: error });
      if (performance.now() > deadline) {
        throw new Error(`${child.name} was not ready within ${timeoutMs / 1000} s.${lastLines(child)}`, { cause: error });
      }
    }
    await sleep(POLL_MS);
  }
}

function lastLines({ logFile }: Child): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES);
  return ` The end of ${logFile}:\n${lines.map((line) => `    ${line}`).join('\n')}`;
}
