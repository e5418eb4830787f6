import type { SessionRef } from '../../workflows/contract/activities.js';
import type { SandboxRecord } from '../../workflows/contract/sandbox-records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { memberIdOf, placeMember } from './pool-directories.js';
import type { SandboxProvider } from './sandbox.port.js';
import { directoriesOf } from './session-directories.js';

export interface PlaceDependencies {
  readonly store: SessionStore;
  readonly home: string;
}

/**
 * Puts the directories of a claimed member of the pool in the session's places, if its row still names that sandbox. Under the
 * session's lock, which a worker that dies lets go and no two hold. Nothing to do for other sandboxes, or when it is done. `then` is written in the same transaction.
 */
export async function placeClaimed(
  { store, home }: PlaceDependencies,
  ref: SessionRef,
  { name, generation }: Pick<SandboxRecord, 'name' | 'generation'>,
  then?: (session: LockedSession) => Promise<void>,
): Promise<void> {
  const id = memberIdOf(name);
  if (id === undefined) return;
  await store.locked(ref, async (session) => {
    if ((await session.findSandbox())?.generation === generation) await placeMember(home, id, directoriesOf(home, ref.sessionId, generation));
    await then?.(session);
  });
}

/** Ends a sandbox and leaves its session's directories whole: a claim may have ended half-way. */
export async function retireSandbox(
  dependencies: PlaceDependencies,
  ref: SessionRef,
  provider: Pick<SandboxProvider, 'destroy'>,
  sandbox: Pick<SandboxRecord, 'name' | 'generation'>,
): Promise<void> {
  await provider.destroy(sandbox.name);
  await placeClaimed(dependencies, ref, sandbox);
}
