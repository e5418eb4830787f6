import { setTimeout as delay } from 'node:timers/promises';
import type { ReleaseSandboxInput, SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { LockedSession } from '../session/store.port.js';
import { withdrawal } from '../withdrawal.js';
import { addLoss } from '../workspace/loss.js';
import type { Workspaces } from '../workspace/workspaces.js';
import { attachReady, attachStarting } from './attach.js';
import { createBinding, type PrepareSandbox } from './bind-sandbox.js';
import { type AcquiredSandbox, createConnections } from './connections.js';
import type { DiskGuard } from './disk-guard.js';
import { retireSandbox } from './place-claimed.js';
import { createLine, type RoomOptions } from './place-in-line.js';
import type { PlannedSandbox } from './plan-sandbox.js';
import type { SandboxProvider } from './sandbox.port.js';
import { directoriesOf, writableDirectories } from './session-directories.js';
import { type SandboxImage, tellMissingPackages } from './session-image.js';
import { type StartDependencies, startSandbox } from './start-sandbox.js';
import type { SupervisorClient } from './supervisor.client.js';
import type { WayOut } from './way-out.port.js';
import { elsewhere, type Placement, taskQueueOf, whereaboutsOf } from './whereabouts.js';

const STOP_TIMEOUT_MS = 2_000;
/** Sandboxes that one acquire makes, each in the place of one that is gone. */
const MAXIMUM_GENERATIONS = 3;

export interface SandboxesOptions extends StartDependencies {
  readonly provider: () => Promise<SandboxProvider>;
  readonly prepare: PrepareSandbox;
  /** What the next sandbox of a session is made of, once it is made; undefined where all are of the plain image. */
  readonly imageFor?: (ref: SessionRef, signal: AbortSignal) => Promise<SandboxImage>;
  /** Variables that every shell of the session has. No secret: whatever runs inside reads them. */
  readonly environment: (ref: SessionRef) => Promise<Readonly<Record<string, string>>>;
  readonly wayOut: WayOut;
  readonly disk: DiskGuard;
  readonly workspaces: Pick<Workspaces, 'bring' | 'keep' | 'close'>;
  readonly room: RoomOptions;
  /** Has calls stopped by the host that runs them; best effort. */
  readonly stopElsewhere: (ref: SessionRef, callIds: readonly string[]) => Promise<void>;
}

export interface Sandboxes {
  /**
   * The session's sandbox with all that belongs into it, made when there is none. Errors: `sandbox.unavailable`, `sandbox.failed`,
   * `step.superseded`, `sandbox.elsewhere` when it is another host's turn; the signal's reason when the caller does not want to wait any longer.
   */
  acquire(ref: SessionRef, signal?: AbortSignal, placement?: Placement): Promise<AcquiredSandbox>;
  /** The session's sandbox as it is, if there is one; none is made. Errors: `sandbox.failed`, `sandbox.elsewhere`. */
  find(ref: SessionRef): Promise<AcquiredSandbox | undefined>;
  /** Drops this worker's connection, so that the next acquire looks anew. */
  disconnect(sessionId: string): void;
  /** Stops calls that may still run, whoever started them; best effort, within two seconds. */
  stopCalls(ref: SessionRef, callIds: readonly string[]): Promise<void>;
  /**
   * Ends the session's sandbox, unless it is in use: by a newer epoch, by a running call, or, without an epoch, by a session that goes on.
   * Errors: `sandbox.elsewhere`.
   */
  release(input: ReleaseSandboxInput): Promise<void>;
  close(): Promise<void>;
}

/** The sandboxes of sessions: planned under the session's lock, started, connected, and bound to what the session wants there. */
export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const { store, host } = options;
  const plan = createLine(options, options.room);
  const connections = createConnections();
  const ended = new AbortController();
  const bind = createBinding(options.prepare, ended.signal);

  const provision = async (ref: SessionRef, placement: Placement): Promise<AcquiredSandbox> => {
    const provider = await options.provider().catch(unavailable);
    if (provider instanceof RondoError) {
      if (await plan(ref, { provider, ended: undefined, image: undefined, placement }, ended.signal)) throw provider;
      return provision(ref, placement);
    }
    const image = options.imageFor && (await options.imageFor(ref, ended.signal));
    options.disk.refuse(ref.sessionId);
    let retired: number | undefined;
    for (let tries = 0; tries < MAXIMUM_GENERATIONS; ) {
      const planned = await plan(ref, { provider, ended: retired, image: image?.name, placement }, ended.signal);
      if (!planned) return provision(ref, placement);
      const { sandbox } = planned;
      if (planned.kind === 'retire') {
        await retireSandbox(options, ref, provider, sandbox);
        retired = sandbox.generation;
        continue;
      }
      tries += 1;
      const environment = options.environment(ref);
      // Asked for ahead; whoever needs it hears of its failure.
      environment.catch(() => undefined);
      const { trace } = planned;
      const client = trace === undefined ? await attachReady(provider, sandbox.name) : await startSandbox(options, ref, provider, { sandbox, trace }, image);
      if (client) {
        await bindTo(ref, sandbox, client, environment);
        if (image?.failure !== undefined && sandbox.state === 'starting') await tellMissingPackages(store, ref, image.failure);
        guardDisk(ref, provider, sandbox, client);
        return { generation: sandbox.generation, client };
      }
      options.disk.end(sandbox.name);
      const reason = options.disk.whyEnded(sandbox.name) ?? (await provider.whyEnded(sandbox.name));
      if (reason !== undefined)
        await store.locked(ref, async (session) => session.writeLoss(addLoss(await session.readLoss(), { skipped: [], skippedCount: 0, ended: reason })));
      // One that only does not answer still runs: it must not share the workspace with the next.
      await retireSandbox(options, ref, provider, sandbox);
      retired = sandbox.generation;
    }
    throw new RondoError('sandbox.failed', `${MAXIMUM_GENERATIONS} sandboxes of session ${ref.sessionId} ended one after another before they could be used.`);
  };

  /** On every connection: a supervisor that was started again knows nothing of it. */
  const bindTo = async (ref: SessionRef, { generation }: PlannedSandbox, client: SupervisorClient, environment = options.environment(ref)): Promise<void> => {
    const bindShells = async () => client.bind({ sessionId: ref.sessionId, environment: await environment });
    try {
      await Promise.all([bindShells(), options.wayOut.open(ref, generation)]);
    } catch (error) {
      client.close();
      throw error;
    }
  };

  const guardDisk = (ref: SessionRef, provider: SandboxProvider, { name, generation }: PlannedSandbox, client: SupervisorClient): void =>
    options.disk.begin({
      sessionId: ref.sessionId,
      name,
      directories: writableDirectories(directoriesOf(options.home, ref.sessionId, generation)),
      isRunning: () => provider.isRunning(name),
      stopWork: (reason) => client.stopWork(reason),
      destroy: () => provider.destroy(name),
    });

  /** A connection to the session's sandbox as its row has it, whoever made it: one of an older generation is not used. */
  const existing = async (ref: SessionRef): Promise<AcquiredSandbox> => {
    const sandbox = await store.locked(ref, (session) => session.findSandbox());
    const at = sandbox && whereaboutsOf(sandbox, host);
    // A host that is silent is asked too: whoever asks it goes on when it does not answer.
    if (sandbox?.host && (at?.kind === 'elsewhere' || at?.kind === 'unknown')) throw elsewhere(ref.sessionId, sandbox.host.taskQueue);
    if (sandbox?.state !== 'ready' || at?.kind !== 'here') throw gone(ref);
    const connection = await connections.get(ref.sessionId, () => attachTo(ref, sandbox));
    if (connection.generation === sandbox.generation) return connection;
    connections.drop(ref.sessionId);
    return connections.get(ref.sessionId, () => attachTo(ref, sandbox));
  };
  const attachTo = async (ref: SessionRef, sandbox: PlannedSandbox): Promise<AcquiredSandbox> => {
    const provider = await options.provider();
    const client = await attachStarting(provider, sandbox.name);
    if (!client) throw gone(ref);
    await bindTo(ref, sandbox, client);
    guardDisk(ref, provider, sandbox, client);
    return { generation: sandbox.generation, client };
  };

  return {
    async acquire(ref, signal, placement = 'anywhere') {
      const sandbox = await unlessAborted(
        connections.get(ref.sessionId, () => provision(ref, placement)),
        signal,
      );
      await unlessAborted(bind(ref, sandbox), signal);
      return sandbox;
    },
    find: (ref) =>
      existing(ref).catch((error: unknown) => {
        if (error instanceof RondoError && error.code === 'sandbox.gone') return undefined;
        throw error;
      }),
    disconnect: connections.drop,
    async stopCalls(ref, callIds) {
      const stop = async () => {
        const { client } = await existing(ref);
        for (const callId of callIds) client.cancel(callId);
      };
      const passOn = (error: unknown) => (taskQueueOf(error) === undefined ? undefined : options.stopElsewhere(ref, callIds));
      await Promise.race([
        stop()
          .catch(passOn)
          .catch(() => undefined),
        delay(STOP_TIMEOUT_MS, undefined, { ref: false }),
      ]);
    },
    async release(input) {
      // A generation that was released is never used again, so its name may be acted on after the lock.
      const released = await store.locked(input, async (session) => {
        const current = await session.findSandbox();
        if (!current || (await isInUse(session, input.epoch))) return undefined;
        const at = whereaboutsOf(current, host);
        if (current.host && (at.kind === 'elsewhere' || at.kind === 'unknown')) throw elsewhere(input.sessionId, current.host.taskQueue);
        if (current.state !== 'released') await session.saveSandbox({ ...current, state: 'released' });
        return at.kind === 'here' ? current : undefined;
      });
      if (!released) return;
      options.disk.end(released.name);
      await options.wayOut.close(input.sessionId, released.generation);
      await retireSandbox(options, input, await options.provider(), released);
      // Beside everything else: however long it takes, nobody waits for it, and a session that goes on ends it.
      void options.workspaces.keep(input);
    },
    async close() {
      options.disk.close();
      ended.abort(withdrawal());
      connections.dropAll();
      await options.workspaces.close();
    },
  };
}

const gone = ({ sessionId }: SessionRef): RondoError => new RondoError('sandbox.gone', `Session ${sessionId} has no sandbox that runs.`);

/** Why this host has no engine, which may leave the work to others. */
function unavailable(error: unknown): RondoError {
  if (error instanceof RondoError && error.code === 'sandbox.unavailable') return error;
  throw error;
}

/** Leaves the work to itself when the caller gives up waiting. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  const given = Promise.withResolvers<never>();
  const giveUp = () => given.reject(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, given.promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Whether whoever gives the sandbox back has been overtaken by somebody who needs it. */
async function isInUse(session: LockedSession, epoch: number | null): Promise<boolean> {
  if (epoch === null) return session.record.status !== 'terminated';
  if (decodeFence(session.record.fence).epoch > epoch) return true;
  const effects = await Promise.all((await session.openToolCalls()).map(({ id }) => session.findEffect(id)));
  return effects.some((effect) => effect !== undefined && effect.generation !== null);
}
