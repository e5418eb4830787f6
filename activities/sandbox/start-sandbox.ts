import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { LockedSession } from '../session/store.port.js';
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
  sandbox: PlannedSandbox,
  image?: SandboxImage,
): Promise<SupervisorClient | undefined> {
  const { store } = dependencies;
  const trace = await store.locked(ref, (session) => startTrace(session, sandbox));
  let client: SupervisorClient | undefined;
  try {
    await dependencies.workspaces.bring(ref, sandbox.generation);
    const started =
      memberIdOf(sandbox.name) === undefined ? await make(dependencies, ref, provider, sandbox, image?.name) : await take(dependencies, ref, provider, sandbox);
    client = started.client;
    if (!client) throw new RondoError('sandbox.gone', `Sandbox ${sandbox.name} ended while it started.`);
    const { engine, runtime, isolation } = sandbox;
    await store.locked(ref, async (session) => {
      const current = await session.findSandbox();
      if (current?.generation === sandbox.generation && current.state === 'starting') await session.saveSandbox({ ...sandbox, state: 'ready' });
      await session.endAttempt(trace, { outcome: 'ok', detail: { engine, runtime, isolation, ...started.detail, ...image?.detail } });
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

interface Started {
  readonly client: SupervisorClient | undefined;
  /** For the trace. */
  readonly detail: Readonly<Record<string, unknown>>;
}

const make = (
  { admission, home, memoryBytes, cpus, processes, diskBytes }: StartDependencies,
  ref: SessionRef,
  provider: SandboxProvider,
  { name, generation }: PlannedSandbox,
  image: string | undefined,
): Promise<Started> =>
  admission.enter(async ({ position, waitedMs }) => {
    await provider.create({ name, ...directoriesOf(home, ref.sessionId, generation), memoryBytes, cpus, processes, diskBytes, image });
    const waited = position === 0 ? {} : { queue_position: position, waited_ms: waitedMs };
    return { client: await attachStarting(provider, name), detail: { source: 'new', ...waited } };
  });

async function take(dependencies: StartDependencies, ref: SessionRef, provider: SandboxProvider, sandbox: PlannedSandbox): Promise<Started> {
  await placeClaimed(dependencies, ref, sandbox);
  const client = dependencies.pool?.take(sandbox.name) ?? (await attachStarting(provider, sandbox.name));
  return { client, detail: { source: 'pool' } };
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
