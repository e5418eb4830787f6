import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxRecord } from '../../workflows/contract/records.js';
import type { SessionStore } from '../session/store.port.js';
import type { SandboxPool } from './pool.js';
import type { SandboxProvider } from './sandbox.port.js';

export type PlannedSandbox = Omit<SandboxRecord, 'sessionId' | 'workspaceId'>;

export interface PlanDependencies {
  readonly store: SessionStore;
  /** Names every sandbox of this installation. */
  readonly installation: string;
  /** Sandboxes that are ready; undefined where none are kept. */
  readonly pool: Pick<SandboxPool, 'hostId' | 'kindOf' | 'take'> | undefined;
}

/** `use`: the sandbox of the session; `retire`: the one before it, which must be ended first. */
export type Plan = { readonly use: PlannedSandbox; readonly retire?: never } | { readonly use?: never; readonly retire: PlannedSandbox };

/**
 * Decides, under the session's lock, which generation is the session's: any number of workers that try at once, or die
 * half-way, come to the same one. A new one is a member of the pool where one of that image is ready. `ended` is a generation that has been
 * retired. Errors: `step.superseded`.
 */
export const planSandbox = (
  { store, installation, pool }: PlanDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  ended: number | undefined,
  image?: string,
): Promise<Plan> =>
  store.locked(ref, async (session): Promise<Plan> => {
    if (session.record.status === 'terminated') throw new RondoError('step.superseded', `Session ${ref.sessionId} is terminated.`);
    const current = await session.findSandbox();
    if (current && current.generation !== ended) return current.state === 'released' ? { retire: current } : { use: current };
    const generation = (current?.generation ?? 0) + 1;
    const claimed = pool && (await session.claimPoolMember({ hostId: pool.hostId, kind: pool.kindOf(provider, image) }));
    const sandbox: PlannedSandbox = {
      generation,
      name: claimed ?? `rondo-${installation}-${ref.sessionId}-g${generation}`,
      engine: provider.engine,
      runtime: provider.runtime,
      isolation: provider.isolation,
      state: 'starting',
    };
    await session.saveSandbox(sandbox);
    return { use: sandbox };
  });
