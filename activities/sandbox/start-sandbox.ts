import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import type { Workspaces } from '../workspace/workspaces.js';
import { attachStarting } from './attach.js';
import type { PlannedSandbox } from './plan-sandbox.js';
import type { SandboxProvider } from './sandbox.port.js';
import { directoriesOf } from './session-directories.js';
import type { SupervisorClient } from './supervisor.client.js';

/** What one sandbox may use. */
export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
  readonly diskBytes: number;
}

export interface StartDependencies extends SandboxLimits {
  readonly store: SessionStore;
  readonly workspaces: Pick<Workspaces, 'bring'>;
  /** Data folder: workspaces, mounts and journals live under it. */
  readonly home: string;
}

/** Makes the planned sandbox, or adopts it half made; nothing when it has ended already. Safe to repeat after a crash at any line. */
export async function startSandbox(
  { store, home, workspaces, memoryBytes, cpus, processes, diskBytes }: StartDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  sandbox: PlannedSandbox,
): Promise<SupervisorClient | undefined> {
  const trace = await store.locked(ref, (session) => startTrace(session, sandbox));
  let client: SupervisorClient | undefined;
  try {
    await workspaces.bring(ref, sandbox.generation);
    const directories = directoriesOf(home, ref.sessionId, sandbox.generation);
    await provider.create({ name: sandbox.name, ...directories, memoryBytes, cpus, processes, diskBytes });
    client = await attachStarting(provider, sandbox.name);
    if (!client) throw new RondoError('sandbox.gone', `Sandbox ${sandbox.name} ended while it started.`);
    await store.locked(ref, async (session) => {
      const current = await session.findSandbox();
      if (current?.generation === sandbox.generation && current.state === 'starting') await session.saveSandbox({ ...sandbox, state: 'ready' });
      await session.endAttempt(trace, { outcome: 'ok', detail: { engine: sandbox.engine, runtime: sandbox.runtime, isolation: sandbox.isolation } });
    });
    return client;
  } catch (error) {
    client?.close();
    const errorCode = error instanceof RondoError ? error.code : 'internal';
    await store.endAttempt(ref, trace, { outcome: 'error', errorCode });
    if (errorCode === 'sandbox.gone') return undefined;
    throw error;
  }
}

const startTrace = (session: LockedSession, sandbox: PlannedSandbox): Promise<string> =>
  session.startAttempt({
    turn: session.record.turn,
    step: decodeFence(session.record.fence).step,
    kind: 'sandbox_start',
    name: `${sandbox.engine}/${sandbox.runtime}`,
    key: `sandbox:${sandbox.generation}`,
    attempt: 1,
  });
