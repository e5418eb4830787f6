import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import type { Workspaces } from '../workspace/workspaces.js';
import type { Admission } from './admission.js';
import { attachStarting } from './attach.js';
import { placeClaimed } from './place-claimed.js';
import type { PlanDependencies, PlannedSandbox } from './plan-sandbox.js';
import { memberIdOf } from './pool-directories.js';
import type { SandboxLimits, SandboxProvider } from './sandbox.port.js';
import { directoriesOf } from './session-directories.js';
import type { SandboxImage } from './session-image.js';
import type { SupervisorClient } from './supervisor.client.js';

export interface StartDependencies extends SandboxLimits, PlanDependencies {
  readonly workspaces: Pick<Workspaces, 'bring'>;
  readonly admission: Admission;
  /** Data folder: workspaces, mounts and journals live under it. */
  readonly home: string;
}

/**
 * Makes the planned sandbox, or the claimed one the session's, or adopts it half made; nothing when it has ended already. Safe to
 * repeat after a crash at any line. What the session had on this host is in its place before the sandbox is looked at.
 */
export async function startSandbox(
  dependencies: StartDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  { sandbox, trace }: { readonly sandbox: PlannedSandbox; readonly trace: string },
  image?: SandboxImage,
): Promise<SupervisorClient | undefined> {
  const { store } = dependencies;
  const { engine, runtime, isolation, hostId } = sandbox;
  const markReady = async (session: LockedSession, detail: Started['detail']): Promise<void> => {
    const current = await session.findSandbox();
    if (current?.generation !== sandbox.generation || current.state === 'released')
      throw new RondoError('sandbox.failed', `Sandbox ${sandbox.name} was given back or replaced while it started.`);
    if (current.state === 'starting') await session.saveSandbox({ ...sandbox, state: 'ready' });
    const loss = sandbox.generation > 1 ? await session.readLoss() : undefined;
    const lost = loss?.changesSince === undefined ? {} : { lost_since: loss.changesSince ?? 'the beginning' };
    await session.endAttempt(trace, { outcome: 'ok', detail: { engine, runtime, isolation, host: hostId, ...lost, ...detail, ...image?.detail } });
  };
  let client: SupervisorClient | undefined;
  try {
    await dependencies.workspaces.bring(ref, sandbox.generation);
    client = memberIdOf(sandbox.name) === undefined ? undefined : dependencies.pool?.take(sandbox.name);
    if (client) {
      // This worker talks to it already, so it is known to run: one transaction for its place and its state.
      await placeClaimed(dependencies, ref, sandbox, (session) => markReady(session, FROM_POOL));
      return client;
    }
    const started =
      memberIdOf(sandbox.name) === undefined
        ? await make(dependencies, ref, provider, sandbox, image?.name)
        : await attach(dependencies, ref, provider, sandbox);
    client = started.client;
    if (!client) throw new RondoError('sandbox.gone', `Sandbox ${sandbox.name} ended while it started.`);
    await store.locked(ref, (session) => markReady(session, started.detail));
    return client;
  } catch (error) {
    client?.close();
    const errorCode = error instanceof RondoError ? error.code : 'internal';
    await store.endAttempt(ref, trace, { outcome: 'error', errorCode });
    if (errorCode === 'sandbox.gone') return undefined;
    throw error;
  }
}

interface Started {
  readonly client: SupervisorClient | undefined;
  /** For the trace. */
  readonly detail: Readonly<Record<string, unknown>>;
}

const make = (
  { store, admission, home, memoryBytes, cpus, processes, diskBytes }: StartDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  { name, generation }: PlannedSandbox,
  image: string | undefined,
): Promise<Started> =>
  admission.enter(
    async ({ position, waitedMs }) => {
      await provider.create({ name, ...directoriesOf(home, ref.sessionId, generation), memoryBytes, cpus, processes, diskBytes, image });
      const waited = position === 0 ? {} : { queue_position: position, waited_ms: waitedMs };
      return { client: await attachStarting(provider, name), detail: { source: 'new', ...waited } };
    },
    tellWait(store, ref),
  );

/** Says in the session's log that its sandbox has to wait for others. */
const tellWait =
  (store: SessionStore, ref: SessionRef) =>
  (position: number): void =>
    void store
      .locked(ref, async (session) => {
        if (session.record.status === 'running') await session.append([{ type: 'rondo.sandbox_queued', body: { position } }]);
      })
      // The wait goes on whether it could be told or not.
      .catch(() => undefined);

/** A member that another worker has been talking to. */
async function attach(dependencies: StartDependencies, ref: SessionRef, provider: SandboxProvider, sandbox: PlannedSandbox): Promise<Started> {
  await placeClaimed(dependencies, ref, sandbox);
  return { client: await attachStarting(provider, sandbox.name), detail: FROM_POOL };
}

const FROM_POOL = { source: 'pool' } as const;
