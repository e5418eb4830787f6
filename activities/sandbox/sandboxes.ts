import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { SandboxRecord } from '../../workflows/contract/records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import type { SandboxProvider } from './sandbox.port.js';
import { connectSupervisor, type SupervisorClient } from './supervisor.client.js';

const STOP_TIMEOUT_MS = 2_000;

export interface SandboxesOptions {
  readonly store: SessionStore;
  readonly provider: () => Promise<SandboxProvider>;
  /** Names every sandbox of this installation. */
  readonly installation: string;
  /** Data folder: workspaces and journals live under it. */
  readonly home: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly processes: number;
}

export interface AcquiredSandbox {
  readonly generation: number;
  readonly client: SupervisorClient;
}

export interface Sandboxes {
  /** The session's sandbox, made when there is none. Errors: `sandbox.unavailable`, `sandbox.failed`, `step.superseded`. */
  acquire(ref: SessionRef): Promise<AcquiredSandbox>;
  /** Drops this worker's connection, so that the next acquire looks anew. */
  disconnect(sessionId: string): void;
  /** Stops calls that may still run, whoever started them; best effort, within two seconds. */
  stopCalls(ref: SessionRef, callIds: readonly string[]): Promise<void>;
  release(ref: SessionRef): Promise<void>;
  close(): Promise<void>;
}

/**
 * The sandboxes of sessions. The row (session, generation) is decided under the session's lock and the sandbox is named
 * after it, so any number of workers that try at once, or die half-way, come to the same one.
 */
export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const connections = new Map<string, Promise<AcquiredSandbox>>();

  const acquire = (ref: SessionRef): Promise<AcquiredSandbox> => {
    const known = connections.get(ref.sessionId);
    if (known) return known;
    const fresh = provision(ref);
    connections.set(ref.sessionId, fresh);
    fresh.catch(() => connections.delete(ref.sessionId));
    return fresh;
  };

  const provision = async (ref: SessionRef): Promise<AcquiredSandbox> => {
    const provider = await options.provider();
    let planned = await plan(ref, provider, undefined);
    if (planned.sandbox.state === 'ready') {
      const channel = await attach(provider, planned.sandbox.name);
      if (channel) return { generation: planned.sandbox.generation, client: channel };
      planned = await plan(ref, provider, planned.sandbox.generation);
    }
    const { sandbox } = planned;
    const trace = await options.store.locked(ref, (session) => startTrace(session, sandbox));
    try {
      await provider.create({
        name: sandbox.name,
        workspaceDirectory: workspaceOf(options.home, ref.sessionId),
        journalDirectory: join(options.home, 'sandboxes', ref.sessionId, `g${sandbox.generation}`),
        memoryBytes: options.memoryBytes,
        cpus: options.cpus,
        processes: options.processes,
      });
      const client = await attach(provider, sandbox.name);
      if (!client) throw new RondoError('sandbox.failed', `Sandbox ${sandbox.name} ended while it started.`);
      await options.store.locked(ref, async (session) => {
        const current = await session.findSandbox();
        if (current?.generation === sandbox.generation) await session.saveSandbox({ ...sandbox, state: 'ready' });
        await session.endAttempt(trace, { outcome: 'ok', detail: { engine: sandbox.engine, runtime: sandbox.runtime, isolation: sandbox.isolation } });
      });
      return { generation: sandbox.generation, client };
    } catch (error) {
      await options.store.endAttempt(ref, trace, { outcome: 'error', errorCode: error instanceof RondoError ? error.code : 'internal' });
      throw error;
    }
  };

  /** Decides, under the lock, which generation is the session's. `dead` is one that turned out to be gone. */
  const plan = (ref: SessionRef, provider: SandboxProvider, dead: number | undefined) =>
    options.store.locked(ref, async (session) => {
      if (session.record.status === 'terminated') throw new RondoError('step.superseded', `Session ${ref.sessionId} is terminated.`);
      const current = await session.findSandbox();
      const usable = current && current.state !== 'released' && current.generation !== dead;
      if (usable) return { sandbox: current };
      const generation = (current?.generation ?? 0) + 1;
      const sandbox: Omit<SandboxRecord, 'sessionId' | 'workspaceId'> = {
        generation,
        name: `rondo-${options.installation}-${ref.sessionId}-g${generation}`,
        engine: provider.engine,
        runtime: provider.runtime,
        isolation: provider.isolation,
        state: 'starting',
      };
      await session.saveSandbox(sandbox);
      return { sandbox };
    });

  /** A connection to the sandbox another worker made, if it is there. */
  const attachExisting = async (ref: SessionRef): Promise<SupervisorClient | undefined> => {
    const sandbox = await options.store.locked(ref, (session) => session.findSandbox());
    if (sandbox?.state !== 'ready') return undefined;
    const client = await attach(await options.provider(), sandbox.name);
    if (client) connections.set(ref.sessionId, Promise.resolve({ generation: sandbox.generation, client }));
    return client;
  };

  const disconnect = (sessionId: string) => {
    const connection = connections.get(sessionId);
    connections.delete(sessionId);
    connection?.then(({ client }) => client.close()).catch(() => undefined);
  };

  return {
    acquire,
    disconnect,
    async stopCalls(ref, callIds) {
      const stop = async () => {
        const client = await (connections.get(ref.sessionId)?.then((acquired) => acquired.client) ?? attachExisting(ref));
        for (const callId of callIds) client?.cancel(callId);
      };
      await Promise.race([stop().catch(() => undefined), delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    },
    async release(ref) {
      disconnect(ref.sessionId);
      const name = await options.store.locked(ref, async (session) => {
        const current = await session.findSandbox();
        if (current && current.state !== 'released') await session.saveSandbox({ ...current, state: 'released' });
        return current?.name;
      });
      if (name) await (await options.provider()).destroy(name);
    },
    async close() {
      for (const sessionId of connections.keys()) disconnect(sessionId);
    },
  };
}

/** Host directory of a session's workspace. */
export const workspaceOf = (home: string, sessionId: string): string => join(home, 'workspaces', sessionId);

const startTrace = (session: LockedSession, sandbox: Omit<SandboxRecord, 'sessionId' | 'workspaceId'>): Promise<string> =>
  session.startAttempt({
    turn: session.record.turn,
    step: decodeFence(session.record.fence).step,
    kind: 'sandbox_start',
    name: `${sandbox.engine}/${sandbox.runtime}`,
    key: `sandbox:${sandbox.generation}`,
    attempt: 1,
  });

/** A client of the supervisor inside, or nothing when the sandbox is gone. */
async function attach(provider: SandboxProvider, name: string): Promise<SupervisorClient | undefined> {
  try {
    return await connectSupervisor(await provider.attach(name), { sandbox: name });
  } catch (error) {
    if (error instanceof RondoError && error.code === 'sandbox.gone') return undefined;
    if (!(await provider.isRunning(name))) return undefined;
    throw error;
  }
}
