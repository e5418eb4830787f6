import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { DueMount, MountClaim } from '../../workflows/contract/records.js';
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

interface Held extends MountClaim {
  readonly holder: string;
  readonly attemptId: string;
}

/**
 * One after another: each is claimed under the session's lock, put in its place at once or not at all, and recorded for this
 * generation. What is at its place already, because an earlier sandbox had it, stays as the agent left it. What cannot be
 * mounted is told to clients once a turn and does not keep the session from going on.
 */
export const createMountResources =
  (deps: MountingDependencies): MountResources =>
  async (ref, { generation, client }, signal) => {
    for (;;) {
      const due = await deps.store.dueMounts(ref, generation);
      if (due.length === 0) return;
      let waits = false;
      for (const mount of due) {
        signal.throwIfAborted();
        const held = await claim(deps, ref, mount, generation);
        if (held) await mountOne(deps, ref, mount, held, client, signal);
        else waits = true;
      }
      // Another worker is at one of them; or it has just finished, and the next look finds nothing.
      if (waits) await delay(LOOK_AGAIN_MS, undefined, { signal });
    }
  };

const claim = (deps: MountingDependencies, ref: SessionRef, mount: DueMount, generation: number): Promise<Held | undefined> =>
  deps.store.locked(ref, async (session) => {
    const holder = randomUUID();
    const claimed = await session.claimMount({ key: mount.key, generation, holder, leaseMs: LEASE_MS });
    if (!claimed) return undefined;
    const attemptId = await session.startAttempt({
      turn: session.record.turn,
      step: decodeFence(session.record.fence).step,
      kind: 'resource_mount',
      name: `${mount.type} ${mount.mountPath}`,
      key: `mount:${mount.key}`,
      attempt: claimed.attempt,
    });
    return { ...claimed, holder, attemptId };
  });

async function mountOne(
  deps: MountingDependencies,
  ref: SessionRef,
  mount: DueMount,
  held: Held,
  client: SupervisorClient,
  signal: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const renewal = setInterval(() => void renew(deps, ref, mount, held, lost), LEASE_MS / 3);
  void client.closed.then(() => lost.abort(new RondoError('sandbox.failed', `The connection to the sandbox of session ${ref.sessionId} ended over a mount.`)));
  try {
    const isThere = held.placed && (await client.statPath(mount.mountPath)) !== 'missing';
    if (!isThere) await placeMount(deps, ref, mount, client, AbortSignal.any([signal, lost.signal]));
    await end(deps, ref, mount, held, 'mounted', { found: isThere });
  } catch (error) {
    clearInterval(renewal);
    if (signal.aborted || lost.signal.aborted || isPassing(error)) {
      await end(deps, ref, mount, held, 'mounting', undefined, error);
      throw lost.signal.aborted ? lost.signal.reason : error;
    }
    await end(deps, ref, mount, held, 'failed', undefined, error);
  } finally {
    clearInterval(renewal);
  }
}

/** A claim that is not ours any more ends the work under it. A database that is away for a moment does not. */
async function renew({ store }: MountingDependencies, ref: SessionRef, { key }: DueMount, { holder }: Held, lost: AbortController): Promise<void> {
  const isOurs = await store.renewMount(ref, { key, holder, leaseMs: LEASE_MS }).catch(() => true);
  if (!isOurs) lost.abort(new RondoError('sandbox.failed', `The mount of ${key} in session ${ref.sessionId} was taken over by another worker.`));
}

/** Records how it ended and tells clients of a failure, unless somebody else has taken over or the turn is over. */
const end = (
  deps: MountingDependencies,
  ref: SessionRef,
  mount: DueMount,
  held: Held,
  state: 'mounting' | 'mounted' | 'failed',
  detail: { readonly found: boolean } | undefined,
  error?: unknown,
): Promise<void> =>
  deps.store.locked(ref, async (session) => {
    const placed = state === 'failed' ? held.placed : true;
    const isOurs = await session.endMount({ key: mount.key, holder: held.holder, state, placed });
    const { record } = session;
    if (isOurs && state === 'failed' && record.status === 'running' && record.turn === held.turn) await session.append([failureEvent(mount, error)]);
    if (state === 'mounted') return session.endAttempt(held.attemptId, { outcome: isOurs ? 'ok' : 'superseded', detail });
    const errorCode = error instanceof RondoError ? error.code : 'internal';
    await session.endAttempt(held.attemptId, { outcome: 'error', errorCode, errorMessage: deps.redact(tellAll(error)).slice(0, 1_000) });
  });

/** For the trace: also what git printed. */
function tellAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = error instanceof GitFailed ? error.said.trim() : '';
  return [error.message, said, error.cause === undefined ? '' : tellAll(error.cause)].filter(Boolean).join('\n');
}
