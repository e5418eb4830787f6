import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { DueMount, MountClaim } from '../../workflows/contract/file-records.js';
import type { SupervisorClient } from '../sandbox/supervisor.client.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import { createLanes } from '../workspace/lanes.js';
import { GitFailed } from './git-process.js';
import { failureEvent, fileIdOf, isPassing, type PlacingDependencies, placeMount } from './place-mount.js';

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
/** Files that are claimed and recorded together. */
const FILES_IN_A_GROUP = 100;
/** Of the transfers that a sandbox takes at a time, some are for others. */
const PLACED_TOGETHER = 8;

interface Held extends MountClaim {
  readonly mount: DueMount;
  readonly attemptId: string;
}

/** What one worker has claimed at once. */
interface HeldGroup {
  readonly holder: string;
  readonly all: readonly Held[];
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
      for (const mounts of groupsOf(due)) {
        signal.throwIfAborted();
        const group = await claim(deps, ref, mounts, generation);
        if (group.all.length < mounts.length) waits = true;
        if (group.all.length > 0) await mountTogether(deps, ref, group, client, signal);
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
    const joins = mount.type === 'file' && last?.[0]?.type === 'file' && last.length < FILES_IN_A_GROUP;
    if (joins) last.push(mount);
    else groups.push([mount]);
  }
  return groups;
}

const claim = (deps: MountingDependencies, ref: SessionRef, mounts: readonly DueMount[], generation: number): Promise<HeldGroup> =>
  deps.store.locked(ref, async (session) => {
    const holder = randomUUID();
    const claims = new Map(
      (await session.claimMounts({ keys: mounts.map(({ key }) => key), generation, holder, leaseMs: LEASE_MS })).map((claimed) => [claimed.key, claimed]),
    );
    const taken = mounts.flatMap((mount) => {
      const claimed = claims.get(mount.key);
      return claimed ? [{ ...claimed, mount }] : [];
    });
    if (taken.length === 0) return { holder, all: [] };
    const { turn, fence } = session.record;
    const { step } = decodeFence(fence);
    const attemptIds = await session.startAttempts(
      taken.map(({ key, attempt, mount: { type, mountPath } }) => ({
        turn,
        step,
        kind: 'resource_mount' as const,
        name: `${type} ${mountPath}`,
        key: `mount:${key}`,
        attempt,
      })),
    );
    return { holder, all: taken.map((held, index) => ({ ...held, attemptId: attemptIds[index] ?? '' })) };
  });

async function mountTogether(deps: MountingDependencies, ref: SessionRef, group: HeldGroup, client: SupervisorClient, signal: AbortSignal): Promise<void> {
  const lost = new AbortController();
  const renewal = setInterval(() => void renew(deps, ref, group, lost), LEASE_MS / 3);
  void client.closed.then(() => lost.abort(new RondoError('sandbox.failed', `The connection to the sandbox of session ${ref.sessionId} ended over a mount.`)));
  const given = AbortSignal.any([signal, lost.signal]);
  const wanted = group.all.flatMap(({ mount }) => (mount.type === 'file' ? [fileIdOf(mount)] : []));
  const files = deps.content.findFiles(ref, wanted);
  // Heard of by each that needs one.
  files.catch(() => undefined);
  const place = async (held: Held): Promise<Ending> => {
    const { mount } = held;
    try {
      const found = isThere(held) && (await client.statPath(mount.mountPath)) !== 'missing';
      if (!found) await placeMount(deps, ref, mount, { files: client, openFile: async (fileId) => (await files)(fileId), signal: given });
      return { held, state: 'mounted', found };
    } catch (error) {
      return { held, state: given.aborted || isPassing(error) ? 'undecided' : 'failed', error };
    }
  };
  try {
    const endings: Ending[] = [];
    const lanes = createLanes(PLACED_TOGETHER);
    for (const held of group.all) await lanes.add(async () => void endings.push(await place(held)));
    await lanes.end();
    clearInterval(renewal);
    await end(deps, ref, group.holder, endings);
    for (const ending of endings) if (ending.state === 'undecided') throw lost.signal.aborted ? lost.signal.reason : ending.error;
  } finally {
    clearInterval(renewal);
  }
}

/** A file whose end is in doubt is written again; a directory would not be made over another. */
const isThere = ({ placed, doubtful, mount }: Held): boolean => placed || (doubtful && mount.type !== 'file');

/** A claim that is not ours any more ends the work under it. A database that is away for a moment does not. */
async function renew({ store }: MountingDependencies, ref: SessionRef, { holder, all }: HeldGroup, lost: AbortController): Promise<void> {
  const keys = all.map(({ key }) => key);
  const areOurs = await store.renewMounts(ref, { keys, holder, leaseMs: LEASE_MS }).catch(() => true);
  if (!areOurs) lost.abort(new RondoError('sandbox.failed', `A mount of session ${ref.sessionId} was taken over by another worker: ${keys.join(', ')}.`));
}

/** Records how each ended and tells clients of a failure, unless somebody else has taken over or the turn is over. */
const end = (deps: MountingDependencies, ref: SessionRef, holder: string, endings: readonly Ending[]): Promise<void> =>
  deps.store.locked(ref, async (session) => {
    const mounted = endings.filter((ending) => ending.state === 'mounted');
    const ours = await session.endMounts({ keys: mounted.map(({ held }) => held.key), holder, state: 'mounted' });
    const traces = (picked: (ending: (typeof mounted)[number]) => boolean) => mounted.filter(picked).map(({ held }) => held.attemptId);
    for (const found of [false, true])
      await session.endAttempts(
        traces((ending) => ending.found === found && ours.has(ending.held.key)),
        { outcome: 'ok', detail: { found } },
      );
    await session.endAttempts(
      traces(({ held }) => !ours.has(held.key)),
      { outcome: 'superseded' },
    );
    for (const ending of endings) if (ending.state !== 'mounted') await endFailed(deps, session, holder, ending);
  });

async function endFailed(
  { redact }: MountingDependencies,
  session: LockedSession,
  holder: string,
  { held, state, error }: Exclude<Ending, { state: 'mounted' }>,
): Promise<void> {
  const { record } = session;
  const isFailed = state === 'failed';
  const ours = await session.endMounts({ keys: [held.key], holder, state: isFailed ? 'failed' : 'mounting' });
  if (ours.has(held.key) && isFailed && record.status === 'running' && record.turn === held.turn) await session.append([failureEvent(held.mount, error)]);
  const errorCode = error instanceof RondoError ? error.code : 'internal';
  await session.endAttempt(held.attemptId, { outcome: 'error', errorCode, errorMessage: redact(tellAll(error)).slice(0, 1_000) });
}

/** For the trace: also what git printed. */
function tellAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = error instanceof GitFailed ? error.said.trim() : '';
  return [error.message, said, error.cause === undefined ? '' : tellAll(error.cause)].filter(Boolean).join('\n');
}
