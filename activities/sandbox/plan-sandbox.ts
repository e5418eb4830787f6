import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { NewSandbox, SandboxPlace } from '../../workflows/contract/sandbox-records.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import type { SandboxPool } from './pool.js';
import type { Redirects } from './redirects.js';
import type { SandboxProvider } from './sandbox.port.js';
import { choosePlace, elsewhere, hasName, type OwnHost, type Placement, whereaboutsOf } from './whereabouts.js';

export type PlannedSandbox = NewSandbox;

export interface PlanDependencies {
  readonly store: SessionStore;
  readonly host: OwnHost;
  /** What this process has sent elsewhere lately; without it, bursts may all go to one host. */
  readonly redirects?: Redirects;
  /** Names every sandbox of this installation. */
  readonly installation: string;
  /** Sandboxes that are ready; undefined where none are kept. */
  readonly pool: Pick<SandboxPool, 'kindOf' | 'take'> | undefined;
}

/** How a sandbox is asked for. */
export interface PlanRequest {
  /** The engine of this host, or why it has none: then whatever is decided is another host's to do. */
  readonly provider: SandboxProvider | RondoError;
  /** A generation that has been retired. */
  readonly ended: number | undefined;
  readonly image: string | undefined;
  readonly placement: Placement;
  /** Somebody came first and waits for room: what would take of it waits, too. */
  readonly othersWait?: boolean;
}

/**
 * `use`: the sandbox of the session, with the trace of its start if it has not been seen to run; `retire`: the one before it, which must be ended first; `wait`: until there is room on a host, or it is
 * known whether one lives.
 */
export type Plan =
  | { readonly kind: 'use'; readonly sandbox: PlannedSandbox; readonly trace: string | undefined }
  | { readonly kind: 'retire'; readonly sandbox: PlannedSandbox }
  | { readonly kind: 'wait'; readonly for: 'room' | 'host'; readonly hosts: readonly SandboxPlace[] };

/**
 * Decides, under the session's lock, which generation is the session's and which host has it: any number of workers that try at once, or
 * die half-way, come to the same one. A new one is a member of the pool where one of that image is ready. What only one host has goes on
 * there, full or not. Errors: `step.superseded`, `sandbox.elsewhere`; without an engine why there is none, when no other host can do it.
 */
export const planSandbox = ({ store, host, installation, pool, redirects }: PlanDependencies, ref: SessionRef, request: PlanRequest): Promise<Plan> =>
  store.locked(ref, async (session): Promise<Plan> => {
    if (session.record.status === 'terminated') throw new RondoError('step.superseded', `Session ${ref.sessionId} is terminated.`);
    const { provider, ended, image, placement } = request;
    const current = await session.findSandbox();
    const at = current && whereaboutsOf(current, host);
    const able = !(provider instanceof RondoError);
    if (able && current && at?.kind === 'here' && current.generation !== ended)
      return current.state === 'released' ? { kind: 'retire', sandbox: current } : { kind: 'use', sandbox: current, trace: await traceOf(session, current) };
    // A dead host's may be within reach all the same: where a host got another name, or two share an engine.
    if (able && current && at?.kind === 'nowhere' && current.generation !== ended && current.state !== 'released') return { kind: 'retire', sandbox: current };
    const isBound = current !== undefined && at?.kind !== 'nowhere' && !(await isHandedOver(session, current));
    if (isBound && at?.kind === 'unknown') return { kind: 'wait', for: 'host', hosts: [] };
    if (isBound && at?.kind === 'elsewhere') throw elsewhere(ref.sessionId, at.taskQueue);
    if (isBound && !able) throw provider;
    if (!isBound) {
      if (request.othersWait) return { kind: 'wait', for: 'room', hosts: [] };
      const places = await session.placesFor(host.id);
      if (!hasName(host, places.find(({ hostId }) => hostId === host.id)?.place)) return { kind: 'wait', for: 'host', hosts: [] };
      const hosts = redirects?.leave(places) ?? places;
      if (!able && hosts.every(({ hostId }) => hostId === host.id)) throw provider;
      const place = choosePlace(hosts, { own: host, last: current?.hostId ?? null, placement, able });
      if (!place) return { kind: 'wait', for: 'room', hosts };
      if (place.id !== host.id) {
        redirects?.note(place.id);
        throw elsewhere(ref.sessionId, place.taskQueue);
      }
    }
    if (!able) throw provider;
    const generation = (current?.generation ?? 0) + 1;
    const claimed = pool && (await session.claimPoolMember({ hostId: host.id, kind: pool.kindOf(provider, image) }));
    const sandbox: PlannedSandbox = {
      generation,
      name: claimed ?? `rondo-${installation}-${ref.sessionId}-g${generation}`,
      engine: provider.engine,
      runtime: provider.runtime,
      isolation: provider.isolation,
      state: 'starting',
      hostId: host.id,
    };
    await session.saveSandbox(sandbox);
    return { kind: 'use', sandbox, trace: await traceOf(session, sandbox) };
  });

const traceOf = async (session: LockedSession, sandbox: PlannedSandbox): Promise<string | undefined> =>
  sandbox.state === 'starting'
    ? session.startAttempt({
        turn: session.record.turn,
        step: decodeFence(session.record.fence).step,
        kind: 'sandbox_start',
        name: `${sandbox.engine}/${sandbox.runtime}`,
        key: `sandbox:${sandbox.generation}`,
        attempt: 1,
      })
    : undefined;

/** Whether any host could go on with everything: the sandbox has ended, and a checkpoint shows how. */
const isHandedOver = async (session: LockedSession, { generation, state }: PlannedSandbox): Promise<boolean> =>
  state === 'released' && (await session.findCheckpoint())?.generation === generation;
