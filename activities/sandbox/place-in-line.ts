import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import type { SandboxPlace } from '../../workflows/contract/sandbox-records.js';
import { type Admission, createAdmission } from './admission.js';
import { type Plan, type PlanDependencies, type PlanRequest, planSandbox } from './plan-sandbox.js';
import { createRedirects } from './redirects.js';
import type { SandboxProvider } from './sandbox.port.js';

/** What makes room on a full host. */
export interface RoomOptions {
  /** How long a session waits for a place before it is told that there is none, in milliseconds. */
  readonly patienceMs: number;
  /** Gives back the sandbox of a session that does nothing, if there is one. */
  readonly giveBack: () => Promise<void>;
}

export interface LineDependencies extends PlanDependencies {
  /** The engine of this host; rejects while there is none. */
  readonly provider: () => Promise<SandboxProvider>;
}

const LOOK_EVERY_MS = 500;

/**
 * Plans as soon as it can be planned: once it is known whether the session's host lives, and there is room. Who waits for room waits in line,
 * so that the first who came is the first who gets it. Nothing for who came without an engine, which this host has by now: what was asked for is not
 * what is wanted any more, and others are not kept waiting for it. Errors: `sandbox.full` when nobody had room for too long; those of planning.
 */
export function createLine(dependencies: LineDependencies, room: RoomOptions) {
  const line: Admission = createAdmission(1);
  const planning = { ...dependencies, redirects: createRedirects() };
  return async (ref: SessionRef, request: PlanRequest, signal: AbortSignal): Promise<Exclude<Plan, { kind: 'wait' }> | undefined> => {
    const begin = performance.now();
    const look = async (othersWait = false): Promise<Plan> => {
      const plan = await planSandbox(planning, ref, { ...request, othersWait });
      if (plan.kind === 'wait' && plan.for === 'room' && performance.now() - begin >= room.patienceMs) throw full(ref.sessionId, plan.hosts, room.patienceMs);
      return plan;
    };
    const isOutdated = async (): Promise<boolean> => {
      if (!(request.provider instanceof RondoError)) return false;
      const works = dependencies.provider().then(
        () => true,
        () => false,
      );
      // An engine that hangs is no reason not to look where there is room.
      return Promise.race([works, delay(LOOK_EVERY_MS, false, { signal })]);
    };
    const again = async (): Promise<Exclude<Plan, { kind: 'wait' }> | undefined> => {
      for (;;) {
        if (await isOutdated()) return undefined;
        const plan = await look();
        if (plan.kind !== 'wait') return plan;
        // The session that would have given its own back may end just now: who waits is not to blame, and looks again.
        if (plan.for === 'room') await room.giveBack().catch(() => undefined);
        await delay(LOOK_EVERY_MS, undefined, { signal });
      }
    };
    const plan = await look(!line.isFree);
    return plan.kind === 'wait' ? (plan.for === 'room' ? line.enter(again) : again()) : plan;
  };
}

const full = (sessionId: string, hosts: readonly SandboxPlace[], patienceMs: number): RondoError =>
  new RondoError(
    'sandbox.full',
    `Session ${sessionId} waited ${Math.round(patienceMs / 1_000)} s for a sandbox, and all hosts are full (${hosts.map(({ hostId }) => hostId).join(', ')}). ` +
      'Raise RONDO_HOST_SANDBOXES where there is memory for more, or add a host.',
  );
