import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import type { WayOut } from '../../activities/sandbox/way-out.port.js';
import type { OwnHost } from '../../activities/sandbox/whereabouts.js';
import { removeTree } from '../../activities/workspace/host-directories.js';
import { type HostedSession, sessionsOnHost } from '../../infra/postgres/checkpoints.repo.js';
import type { Pool } from '../../infra/postgres/pool.js';

export interface LeftoverDependencies {
  readonly pool: Pool;
  readonly host: Pick<OwnHost, 'id'>;
  readonly home: string;
  readonly wayOut: Pick<WayOut, 'close'>;
}

interface Generation {
  readonly sessionId: string;
  readonly generation: number;
  readonly folder: string;
}

/**
 * Removes what each sandbox has had for itself, its journal and its way out, once it is proven to have ended: a newer one of its session is
 * there, or it was given back, or the session is over. Folders are listed before rows are read, since a row is there before its folder.
 */
export async function removeLeftovers({ pool, host, home, wayOut }: LeftoverDependencies): Promise<number> {
  const [journals, ways] = await Promise.all([generationsIn(join(home, 'sandboxes')), generationsIn(join(egressFolder(home), 'sandboxes'))]);
  const found = [...journals, ...ways];
  if (found.length === 0) return 0;
  const sessions = new Map((await sessionsOnHost(pool, host.id, [...new Set(found.map(({ sessionId }) => sessionId))])).map((one) => [one.sessionId, one]));
  const dead = found.filter(({ sessionId, generation }) => hasEnded(sessions.get(sessionId), generation));
  for (const { sessionId, generation } of newestOfEach(dead.filter((one) => ways.includes(one)))) {
    // The way out of a newer sandbox has closed this one.
    if (!sessions.get(sessionId)?.here) await wayOut.close(sessionId, generation);
  }
  for (const { folder } of dead) {
    await removeTree(folder);
    await rmdir(join(folder, '..')).catch(() => undefined);
  }
  return dead.length;
}

/** Whether a sandbox of this host is proven to have ended. What the database knows nothing of is not. */
export function hasEnded(session: Pick<HostedSession, 'generation' | 'here' | 'over'> | undefined, generation: number): boolean {
  if (!session) return false;
  if (session.generation === null) return session.over;
  return generation < session.generation || (generation === session.generation && !session.here);
}

const newestOfEach = (generations: readonly Generation[]): Generation[] => {
  const newest = new Map<string, Generation>();
  for (const one of generations) if (one.generation > (newest.get(one.sessionId)?.generation ?? -1)) newest.set(one.sessionId, one);
  return [...newest.values()];
};

async function generationsIn(folder: string): Promise<Generation[]> {
  const sessions = (await readdir(folder).catch(() => [])).filter((name) => /^sesn_[0-9A-Za-z]+$/.test(name));
  const found = await Promise.all(
    sessions.map(async (sessionId) =>
      (await readdir(join(folder, sessionId)).catch(() => [])).flatMap((name) => {
        const generation = /^g(\d{1,9})$/.exec(name)?.[1];
        return generation === undefined ? [] : [{ sessionId, generation: Number(generation), folder: join(folder, sessionId, name) }];
      }),
    ),
  );
  return found.flat();
}
