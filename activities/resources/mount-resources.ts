import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { DueMount, MountClaim } from '../../workflows/contract/file-records.js';
import type { SupervisorClient } from '../sandbox/supervisor.client.js';
import type { SessionStore } from '../session/store.port.js';
import { GitFailed } from './git-process.js';
import { failureEvent, isPassing, type PlacingDependencies, placeMount } from './place-mount.js';

export interface MountingDependencies extends PlacingDependencies {
  readonly store: SessionStore;
  readonly redact: (text: string) => string;
}

/** Puts into a sandbox what the session wants there and is not there yet. */
export type MountResources = (
  ref: SessionRef,
  sandbox: { readonly generation: number; readonly client: SupervisorClient },
  signal: AbortSignal,
) => Promise<void>;

/** A worker that dies over a mount holds it for this long. */
const LEASE_MS = 10_000;
const LOOK_AGAIN_MS = 200;
/** Of the transfers that a sandbox takes at a time, some are for others. */
const FILES_TOGETHER = 8;

interface Held extends MountClaim {
  readonly mount: DueMount;
  readonly holder: string;
  readonly attemptId: string;
}

/** How the work on one of them ended; `undecided` is tried again. */
type Ending =
  | { readonly held: Held; readonly state: 'mounted'; readonly found: boolean }
  | { readonly held: Held; readonly state: 'failed' | 'undecided'; readonly error: unknown };

/**
 * Whole directories one after another, since one may lie in another; files several together. Each is claimed under the session's
 * lock, put in its place at once or not at all, and recorded for this generation. What is at its place already, because an
 * earlier sandbox had it, stays as the agent left it. What cannot be mounted is told to clients once a turn and does not keep
 * the session from going on.
 */
export const createMountResources =
  (deps: MountingDependencies): MountResources =>
  async (ref, { generation, client }, signal) => {
    for (;;) {
      const due = await deps.store.dueMounts(ref, generation);
      if (due.length === 0) return;
      let waits = false;
      for (const group of groupsOf(due)) {
        signal.throwIfAborted();
        const held = await claim(deps, ref, group, generation);
        if (held.length < group.length) waits = true;
        if (held.length > 0) await mountTogether(deps, ref, held, client, signal);
      }
      // Another worker is at one of them; or it has just finished, and the next look finds nothing.
      if (waits) await delay(LOOK_AGAIN_MS, undefined, { signal });
    }
  };

/** In the order in which they are due: what can be mounted side by side. */
function groupsOf(due: readonly DueMount[]): DueMount[][] {
  const groups: DueMount[][] = [];
  for (const mount of due) {
    const last = groups.at(-1);
    const joins = mount.type === 'file' && last?.[0]?.type === 'file' && last.length < FILES_TOGETHER;
    if (joins) last.push(mount);
    else groups.push([mount]);
  }
  return groups;
}

const claim = (deps: MountingDependencies, ref: SessionRef, mounts: readonly DueMount[], generation: number): Promise<Held[]> =>
  deps.store.locked(ref, async (session) => {
    const all: Held[] = [];
    for (const mount of mounts) {
      const holder = randomUUID();
      const claimed = await session.claimMount({ key: mount.key, generation, holder, leaseMs: LEASE_MS });
      if (!claimed) continue;
      const attemptId = await session.startAttempt({
        turn: session.record.turn,
        step: decodeFence(session.record.fence).step,
        kind: 'resource_mount',
        name: `${mount.type} ${mount.mountPath}`,
        key: `mount:${mount.key}`,
        attempt: claimed.attempt,
      });
      all.push({ ...claimed, mount, holder, attemptId });
    }
    return all;
  });

async function mountTogether(deps: MountingDependencies, ref: SessionRef, all: readonly Held[], client: SupervisorClient, signal: AbortSignal): Promise<void> {
  const lost = new AbortController();
  const renewal = setInterval(() => all.forEach((held) => void renew(deps, ref, held, lost)), LEASE_MS / 3);
  void client.closed.then(() => lost.abort(new RondoError('sandbox.failed', `The connection to the sandbox of session ${ref.sessionId} ended over a mount.`)));
  const given = AbortSignal.any([signal, lost.signal]);
  const place = async (held: Held): Promise<Ending> => {
    const { mount } = held;
    try {
      const found = held.placed && (await client.statPath(mount.mountPath)) !== 'missing';
      if (!found) await placeMount(deps, ref, mount, client, given);
      return { held, state: 'mounted', found };
    } catch (error) {
      return { held, state: given.aborted || isPassing(error) ? 'undecided' : 'failed', error };
    }
  };
  try {
    const endings = await Promise.all(all.map(place));
    clearInterval(renewal);
    await end(deps, ref, endings);
    for (const ending of endings) if (ending.state === 'undecided') throw lost.signal.aborted ? lost.signal.reason : ending.error;
  } finally {
    clearInterval(renewal);
  }
}

/** A claim that is not ours any more ends the work under it. A database that is away for a moment does not. */
async function renew({ store }: MountingDependencies, ref: SessionRef, { mount: { key }, holder }: Held, lost: AbortController): Promise<void> {
  const isOurs = await store.renewMount(ref, { key, holder, leaseMs: LEASE_MS }).catch(() => true);
  if (!isOurs) lost.abort(new RondoError('sandbox.failed', `The mount of ${key} in session ${ref.sessionId} was taken over by another worker.`));
}

/** Records how each ended and tells clients of a failure, unless somebody else has taken over or the turn is over. */
const end = (deps: MountingDependencies, ref: SessionRef, endings: readonly Ending[]): Promise<void> =>
  deps.store.locked(ref, async (session) => {
    const { record } = session;
    for (const ending of endings) {
      const { state, held } = ending;
      const placed = state === 'failed' ? held.placed : true;
      const isOurs = await session.endMount({ key: held.mount.key, holder: held.holder, state: state === 'undecided' ? 'mounting' : state, placed });
      if (state === 'mounted') {
        await session.endAttempt(held.attemptId, { outcome: isOurs ? 'ok' : 'superseded', detail: { found: ending.found } });
        continue;
      }
      const { error } = ending;
      if (isOurs && state === 'failed' && record.status === 'running' && record.turn === held.turn) await session.append([failureEvent(held.mount, error)]);
      const errorCode = error instanceof RondoError ? error.code : 'internal';
      await session.endAttempt(held.attemptId, { outcome: 'error', errorCode, errorMessage: deps.redact(tellAll(error)).slice(0, 1_000) });
    }
  });

/** For the trace: also what git printed. */
function tellAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = error instanceof GitFailed ? error.said.trim() : '';
  return [error.message, said, error.cause === undefined ? '' : tellAll(error.cause)].filter(Boolean).join('\n');
}
