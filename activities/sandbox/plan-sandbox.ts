import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxRecord } from '../../workflows/contract/records.js';
import type { SessionStore } from '../session/store.port.js';
import type { SandboxProvider } from './sandbox.port.js';

export type PlannedSandbox = Omit<SandboxRecord, 'sessionId' | 'workspaceId'>;

export interface PlanDependencies {
  readonly store: SessionStore;
  /** Names every sandbox of this installation. */
  readonly installation: string;
}

/**
 * Decides, under the session's lock, which generation is the session's: any number of workers that try at once, or die
 * half-way, come to the same one. `dead` is one that turned out to be gone. Errors: `step.superseded`.
 */
export const planSandbox = (
  { store, installation }: PlanDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  dead: number | undefined,
): Promise<PlannedSandbox> =>
  store.locked(ref, async (session) => {
    if (session.record.status === 'terminated') throw new RondoError('step.superseded', `Session ${ref.sessionId} is terminated.`);
    const current = await session.findSandbox();
    const usable = current && current.state !== 'released' && current.generation !== dead;
    if (usable) return current;
    const generation = (current?.generation ?? 0) + 1;
    const sandbox: PlannedSandbox = {
      generation,
      name: `rondo-${installation}-${ref.sessionId}-g${generation}`,
      engine: provider.engine,
      runtime: provider.runtime,
      isolation: provider.isolation,
      state: 'starting',
    };
    await session.saveSandbox(sandbox);
    return sandbox;
  });
