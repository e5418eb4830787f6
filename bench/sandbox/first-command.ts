import { memberIdOf } from '../../activities/sandbox/pool-directories.js';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { sandboxNameOf, timedCall } from '../direct-calls.js';
import type { Ground } from './ground.js';
import type { Host } from './host.js';

/** Milliseconds from asking for the session's sandbox to the end of its first command. */
export async function timeToFirstCommand({ parts }: Host, ref: SessionRef): Promise<number> {
  const startedAt = performance.now();
  const { client } = await parts.sandboxes.acquire(ref);
  await timedCall(client, 'bash', { command: 'true' });
  return performance.now() - startedAt;
}

/** Whether the session's sandbox was ready before the session wanted it. */
export const isFromPool = async ({ rows }: Ground, { sessionId }: SessionRef): Promise<boolean> =>
  memberIdOf(await sandboxNameOf(rows, sessionId)) !== undefined;

/** Ends the session's sandbox, whoever wants it. */
export const giveBack = ({ parts }: Host, ref: SessionRef): Promise<void> => parts.sandboxes.release({ ...ref, epoch: Number.MAX_SAFE_INTEGER });

const MOST_ROUNDS = 40;

/** As many sandboxes as the host keeps at most, all of them ready. */
export async function fillPool({ name, poolMaximum, parts }: Host): Promise<void> {
  let ready = 0;
  for (let round = 0; round < MOST_ROUNDS && ready < poolMaximum; round += 1) {
    await parts.sandboxPool.tend();
    ready = (await parts.sandboxPool.names()).length;
  }
  if (ready !== poolMaximum) throw new Error(`${name} keeps ${ready} sandboxes ready, not ${poolMaximum}.`);
}
