import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReleaseSandboxInput, SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { SandboxRecord } from '../../workflows/contract/records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { withdrawal } from '../withdrawal.js';
import { attachReady, attachStarting } from './attach.js';
import type { SandboxProvider } from './sandbox.port.js';
import type { SupervisorClient } from './supervisor.client.js';

const STOP_TIMEOUT_MS = 2_000;
/** Sandboxes that one acquire makes, each in the place of one that is gone. */
const MAXIMUM_GENERATIONS = 3;

type PlannedSandbox = Omit<SandboxRecord, 'sessionId' | 'workspaceId'>;

export interface SandboxesOptions {
  readonly store: SessionStore;
  readonly provider: () => Promise<SandboxProvider>;
  /** Names every sandbox of this installation. */
  readonly installation: string;
  /** Data folder: workspaces, mounts and journals live under it. */
  readonly home: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
  /** Makes a sandbox hold what its session wants there; asked before every use, so it must be quick when there is nothing to do. */
  readonly prepare: PrepareSandbox;
}

/** Errors end the use that needed it; `signal` is the end of this worker. */
export type PrepareSandbox = (ref: SessionRef, sandbox: AcquiredSandbox, signal: AbortSignal) => Promise<void>;

export interface AcquiredSandbox {
  readonly generation: number;
  readonly client: SupervisorClient;
}

export interface Sandboxes {
  /**
   * The session's sandbox with all that belongs into it, made when there is none. Errors: `sandbox.unavailable`,
   * `sandbox.failed`, `step.superseded`; the signal's reason when the caller does not want to wait any longer.
   */
  acquire(ref: SessionRef, signal?: AbortSignal): Promise<AcquiredSandbox>;
  /** The session's sandbox as it is, if there is one; none is made. Errors: `sandbox.failed`. */
  find(ref: SessionRef): Promise<AcquiredSandbox | undefined>;
  /** Drops this worker's connection, so that the next acquire looks anew. */
  disconnect(sessionId: string): void;
  /** Stops calls that may still run, whoever started them; best effort, within two seconds. */
  stopCalls(ref: SessionRef, callIds: readonly string[]): Promise<void>;
  /** Ends the session's sandbox, unless it is in use: by a newer epoch, by a running call, or, without an epoch, by a session that goes on. */
  release(input: ReleaseSandboxInput): Promise<void>;
  close(): Promise<void>;
}

/**
 * The sandboxes of sessions. The row (session, generation) is decided under the session's lock and the sandbox is named
 * after it, so any number of workers that try at once, or die half-way, come to the same one.
 */
export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const connections = new Map<string, Promise<AcquiredSandbox>>();
  const preparations = new Map<string, { readonly sandbox: AcquiredSandbox; readonly done: Promise<void> }>();
  const ended = new AbortController();

  /** Keeps a connection for as long as it is open. */
  const keep = (sessionId: string, fresh: Promise<AcquiredSandbox>): Promise<AcquiredSandbox> => {
    connections.set(sessionId, fresh);
    const forget = () => {
      if (connections.get(sessionId) === fresh) connections.delete(sessionId);
    };
    fresh.then(({ client }) => client.closed).then(forget, forget);
    return fresh;
  };

  const acquire = async (ref: SessionRef, signal?: AbortSignal): Promise<AcquiredSandbox> => {
    const sandbox = await (connections.get(ref.sessionId) ?? keep(ref.sessionId, provision(ref)));
    await unlessAborted(prepare(ref, sandbox), signal);
    return sandbox;
  };

  /** Once at a time for a session, however many calls wait for it: what one of them began serves all. */
  const prepare = (ref: SessionRef, sandbox: AcquiredSandbox): Promise<void> => {
    const running = preparations.get(ref.sessionId);
    if (running?.sandbox === sandbox) return running.done;
    const done = options.prepare(ref, sandbox, ended.signal);
    const preparation = { sandbox, done };
    preparations.set(ref.sessionId, preparation);
    const forget = () => {
      if (preparations.get(ref.sessionId) === preparation) preparations.delete(ref.sessionId);
    };
    done.then(forget, forget);
    return done;
  };

  const provision = async (ref: SessionRef): Promise<AcquiredSandbox> => {
    const provider = await options.provider();
    let dead: number | undefined;
    for (let tries = 0; tries < MAXIMUM_GENERATIONS; tries += 1) {
      const sandbox = await plan(ref, provider, dead);
      const client = sandbox.state === 'ready' ? await attachReady(provider, sandbox.name) : await start(ref, provider, sandbox);
      if (client) return { generation: sandbox.generation, client };
      // One that only does not answer still runs: it must not share the workspace with the next.
      await provider.destroy(sandbox.name);
      dead = sandbox.generation;
    }
    throw new RondoError('sandbox.failed', `${MAXIMUM_GENERATIONS} sandboxes of session ${ref.sessionId} ended one after another before they could be used.`);
  };

  /** Makes the planned sandbox, or adopts it half made; nothing when it has ended already. */
  const start = async (ref: SessionRef, provider: SandboxProvider, sandbox: PlannedSandbox): Promise<SupervisorClient | undefined> => {
    const trace = await options.store.locked(ref, (session) => startTrace(session, sandbox));
    let client: SupervisorClient | undefined;
    try {
      await provider.create({
        name: sandbox.name,
        workspaceDirectory: workspaceOf(options.home, ref.sessionId),
        mountsDirectory: join(options.home, 'mounts', ref.sessionId),
        journalDirectory: join(options.home, 'sandboxes', ref.sessionId, `g${sandbox.generation}`),
        memoryBytes: options.memoryBytes,
        cpus: options.cpus,
        processes: options.processes,
      });
      client = await attachStarting(provider, sandbox.name);
      if (!client) throw new RondoError('sandbox.gone', `Sandbox ${sandbox.name} ended while it started.`);
      await options.store.locked(ref, async (session) => {
        const current = await session.findSandbox();
        if (current?.generation === sandbox.generation && current.state === 'starting') await session.saveSandbox({ ...sandbox, state: 'ready' });
        await session.endAttempt(trace, { outcome: 'ok', detail: { engine: sandbox.engine, runtime: sandbox.runtime, isolation: sandbox.isolation } });
      });
      return client;
    } catch (error) {
      client?.close();
      const errorCode = error instanceof RondoError ? error.code : 'internal';
      await options.store.endAttempt(ref, trace, { outcome: 'error', errorCode });
      if (errorCode === 'sandbox.gone') return undefined;
      throw error;
    }
  };

  /** Decides, under the lock, which generation is the session's. `dead` is one that turned out to be gone. */
  const plan = (ref: SessionRef, provider: SandboxProvider, dead: number | undefined) =>
    options.store.locked(ref, async (session): Promise<PlannedSandbox> => {
      if (session.record.status === 'terminated') throw new RondoError('step.superseded', `Session ${ref.sessionId} is terminated.`);
      const current = await session.findSandbox();
      const usable = current && current.state !== 'released' && current.generation !== dead;
      if (usable) return current;
      const generation = (current?.generation ?? 0) + 1;
      const sandbox: PlannedSandbox = {
        generation,
        name: `rondo-${options.installation}-${ref.sessionId}-g${generation}`,
        engine: provider.engine,
        runtime: provider.runtime,
        isolation: provider.isolation,
        state: 'starting',
      };
      await session.saveSandbox(sandbox);
      return sandbox;
    });

  /** A connection to the sandbox another worker made, if it is there. */
  const attachExisting = async (ref: SessionRef): Promise<AcquiredSandbox> => {
    const sandbox = await options.store.locked(ref, (session) => session.findSandbox());
    const client = sandbox?.state === 'ready' ? await attachStarting(await options.provider(), sandbox.name) : undefined;
    if (!sandbox || !client) throw new RondoError('sandbox.gone', `Session ${ref.sessionId} has no sandbox that runs.`);
    return { generation: sandbox.generation, client };
  };

  const disconnect = (sessionId: string) => {
    const connection = connections.get(sessionId);
    connections.delete(sessionId);
    connection?.then(({ client }) => client.close()).catch(() => undefined);
  };

  return {
    acquire,
    async find(ref) {
      const kept = connections.get(ref.sessionId) ?? keep(ref.sessionId, attachExisting(ref));
      return kept.catch((error: unknown) => {
        if (error instanceof RondoError && error.code === 'sandbox.gone') return undefined;
        throw error;
      });
    },
    disconnect,
    async stopCalls(ref, callIds) {
      const stop = async () => {
        const { client } = await (connections.get(ref.sessionId) ?? keep(ref.sessionId, attachExisting(ref)));
        for (const callId of callIds) client.cancel(callId);
      };
      await Promise.race([stop().catch(() => undefined), delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    },
    async release(input) {
      // A generation that was released is never used again, so its name may be acted on after the lock.
      const name = await options.store.locked(input, async (session) => {
        const current = await session.findSandbox();
        if (!current || (await isInUse(session, input.epoch))) return undefined;
        if (current.state !== 'released') await session.saveSandbox({ ...current, state: 'released' });
        return current.name;
      });
      if (name) await (await options.provider()).destroy(name);
    },
    async close() {
      ended.abort(withdrawal());
      for (const sessionId of connections.keys()) disconnect(sessionId);
    },
  };
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

/** Host directory of a session's workspace. */
export const workspaceOf = (home: string, sessionId: string): string => join(home, 'workspaces', sessionId);

/** Whether whoever gives the sandbox back has been overtaken by somebody who needs it. */
async function isInUse(session: LockedSession, epoch: number | null): Promise<boolean> {
  if (epoch === null) return session.record.status !== 'terminated';
  if (decodeFence(session.record.fence).epoch > epoch) return true;
  const effects = await Promise.all((await session.openToolCalls()).map(({ id }) => session.findEffect(id)));
  return effects.some((effect) => effect !== undefined && effect.generation !== null);
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
