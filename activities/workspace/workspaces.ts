import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import type { AttemptKind } from '../../workflows/contract/records.js';
import type { CheckpointRecord, SandboxRecord } from '../../workflows/contract/sandbox-records.js';
import { sandboxUser } from '../sandbox/sandbox-user.js';
import type { SessionStore } from '../session/store.port.js';
import { takeCheckpoint } from './checkpoint.js';
import { hostDirectories, type Mark } from './host-directories.js';
import { addLoss, isToBeTold, lossOf } from './loss.js';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.js';
import { readEntry } from './read-entry.js';
import { restoreCheckpoint } from './restore.js';
import type { OpenBlob } from './unpack.js';

export interface WorkspacesOptions {
  readonly store: SessionStore;
  /** Data folder: workspaces and mounts lie under it. */
  readonly home: string;
  /** Which folder that is, wherever it lies: copies of it have another id once they are known to be copies. */
  readonly folder: string;
  /** Streams bytes into the blob store. */
  readonly keep: (workspaceId: string, source: AsyncIterable<Uint8Array>) => Promise<{ readonly blobKey: string; readonly sizeBytes: number }>;
  /** The bytes of a blob, whole without a range. */
  readonly open: (key: string, range?: Parameters<OpenBlob>[1]) => Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Does work while no other process is at the same name; `lost` aborts when that is not sure any more. */
  readonly exclusive: <T>(name: string, patienceMs: number, work: (lost: AbortSignal) => Promise<T>) => Promise<T>;
  /** Ends a sandbox, if it is still there: a directory is only looked at when nothing runs in it. */
  readonly endSandbox: (ref: SessionRef, sandbox: SandboxRecord) => Promise<void>;
  readonly maximumBytes: number;
  readonly log: { warn(fields: object, message: string): void };
}

/** A session's directories on this host, between one sandbox and the next. */
export interface Workspaces {
  /**
   * Makes this host's directories what the next sandbox is to find, before it is made: the newest state there is. Repeated for
   * the same generation it does nothing. Errors: `sandbox.failed` when a later one is there, `checkpoint.broken`, `service.unavailable`.
   */
  bring(ref: SessionRef, generation: number): Promise<void>;
  /**
   * Keeps how the session's last sandbox left its directories, unless that is kept already or another host had it. Never rejects
   * and never takes anything away: what could not be kept stays, and is tried again at the next call.
   */
  keep(ref: SessionRef): Promise<void>;
  /** A file as the newest checkpoint has it; `path` begins with the tree's name. Errors: `file.not_found`, `request.conflict`, `checkpoint.broken`. */
  readKept(ref: SessionRef, path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Takes the directories of a session that is over from this host. */
  remove(sessionId: string): Promise<void>;
  /**
   * Takes them away if the session went on elsewhere and `newest` was kept there since, so that nobody will look at them again; answers whether
   * it did so.
   */
  removeMoved(sessionId: string, newest: Pick<CheckpointRecord, 'generation' | 'blobKey'>): Promise<boolean>;
  /** Ends checkpoints that run. */
  close(): Promise<void>;
}

/** Left out of checkpoints: half-made files, and skills, which are mounted anew. */
const WITHOUT = ['workspace/.rondo/staging', 'mnt/.rondo/staging', 'mnt/skills'];
const SKIPPED_KEPT = 100;
const START_PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 300;
const AT_ONCE = 2;

export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  const { store, home, folder, exclusive } = options;
  const user = sandboxUser();
  const closed = new AbortController();
  const running = new Map<string, { readonly done: Promise<void>; readonly stop: AbortController }>();
  const nameOf = (sessionId: string) => `workspace of ${sessionId}`;

  const readManifest = async ({ blobKey }: CheckpointRecord): Promise<Manifest> => {
    const stream = await options.open(blobKey);
    if (!stream) throw new RondoError('checkpoint.broken', `The checkpoint cannot be restored: its manifest ${blobKey} is gone.`);
    const pieces = [];
    for await (const piece of stream) pieces.push(piece);
    return decodeManifest(Buffer.concat(pieces)).catch((cause: unknown) => {
      throw new RondoError('checkpoint.broken', `The checkpoint cannot be restored: its manifest ${blobKey} was changed.`, { cause });
    });
  };

  const restore = async (ref: SessionRef, generation: number, checkpoint: CheckpointRecord, signal: AbortSignal): Promise<void> => {
    const trace = await startTrace(store, ref, 'restore', generation);
    try {
      const manifest = await readManifest(checkpoint);
      await hostDirectories(home, ref.sessionId, folder).replace(user, async (trees) => {
        await restoreCheckpoint({ manifest, trees, user, open: options.open, signal });
        signal.throwIfAborted();
      });
      await store.endAttempt(ref, trace, { outcome: 'ok', detail: { sequence: checkpoint.sequence, files: checkpoint.files, bytes: checkpoint.bytes } });
    } catch (error) {
      await store.endAttempt(ref, trace, { outcome: 'error', errorCode: codeOf(error) });
      throw error;
    }
  };

  const bringUnderLock = async (ref: SessionRef, generation: number, signal: AbortSignal): Promise<void> => {
    const directories = hostDirectories(home, ref.sessionId, folder);
    const current = await store.locked(ref, (session) => session.findSandbox());
    // A process that stood still in between: the directories are those of a later sandbox, and so is their mark.
    if (current && current.generation > generation)
      throw new RondoError('sandbox.failed', `Sandbox generation ${generation} of session ${ref.sessionId} has been replaced.`);
    const { checkpoint, lastUsed: used } = await store.lastKept(ref);
    const lastUsed = used.calls === undefined && used.files === undefined ? undefined : Math.max(used.calls ?? 0, used.files ?? 0);
    const mark = await directories.readMark();
    const isCurrent = (await directories.exists()) && holdsNewest(mark, checkpoint, generation, lastUsed);
    if (lastUsed !== undefined && lastUsed < generation) {
      const isWhole = isCurrent && (mark?.usedBy !== null || (checkpoint?.generation ?? 0) >= lastUsed);
      const loss = lossOf(isWhole ? undefined : { checkpoint, usedSince: lastUsed > (checkpoint?.generation ?? 0) });
      // Before anything is replaced: a repetition finds the directories current, and adds nothing to what is lost.
      if (isToBeTold(loss, used)) await store.locked(ref, async (session) => session.writeLoss(addLoss(await session.readLoss(), loss)));
    }
    if (!isCurrent && checkpoint) await restore(ref, generation, checkpoint, signal);
    else if (!isCurrent) await directories.replace(user, async () => undefined);
    await directories.writeMark({ holds: [checkpoint?.blobKey ?? ''], usedBy: generation });
  };

  /** A signal that aborts when the session's sandbox is wanted again, or the lock is lost, or the worker ends. */
  const whileReleased = (ref: SessionRef, sandbox: SandboxRecord, lost: AbortSignal, stop: AbortController) => {
    const look = async () => {
      const current = await store.locked(ref, (session) => session.findSandbox());
      if (current?.state !== 'released' || current.generation !== sandbox.generation) {
        stop.abort(wantedAgain(ref.sessionId));
      }
    };
    const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS);
    return { signal: AbortSignal.any([stop.signal, lost, closed.signal]), end: () => clearInterval(timer) };
  };

  const keepUnderLock = async (ref: SessionRef, lost: AbortSignal, stop: AbortController): Promise<void> => {
    const directories = hostDirectories(home, ref.sessionId, folder);
    const [sandbox, before] = await store.locked(ref, async (session) => [await session.findSandbox(), await session.findCheckpoint()] as const);
    const mark = await directories.readMark();
    const isOurs = sandbox?.state === 'released' && mark?.usedBy === sandbox.generation && (await directories.exists());
    if (!isOurs || before?.generation === sandbox.generation) return;
    await options.endSandbox(ref, sandbox);
    const trace = await startTrace(store, ref, 'checkpoint', sandbox.generation);
    const watch = whileReleased(ref, sandbox, lost, stop);
    try {
      const previous = before && (await readManifest(before).catch(() => undefined));
      const taken = await takeCheckpoint({
        trees: directories.trees,
        without: WITHOUT,
        previous,
        keep: async (source) => (await options.keep(ref.workspaceId, source)).blobKey,
        maximumBytes: options.maximumBytes,
        signal: watch.signal,
      });
      const manifest = await options.keep(ref.workspaceId, once(await encodeManifest(taken.manifest)));
      const { files, bytes, storedBytes, skipped } = taken;
      const counts = { files, bytes, storedBytes, skipped: skipped.slice(0, SKIPPED_KEPT), skippedCount: skipped.length };
      const packs = taken.manifest.packs.map(({ key }) => key);
      await directories.writeMark({ holds: [before?.blobKey ?? '', manifest.blobKey], usedBy: sandbox.generation });
      const isKept = await store.locked(ref, async (session) => {
        const [current, newest] = [await session.findSandbox(), await session.findCheckpoint()];
        const isWanted = current?.state === 'released' && current.generation === sandbox.generation && newest?.blobKey === before?.blobKey;
        if (!isWanted || lost.aborted) return false;
        await session.saveCheckpoint({ ...counts, generation: sandbox.generation, blobKey: manifest.blobKey, packs });
        await session.endAttempt(trace, { outcome: 'ok', detail: detailOf(counts, manifest.sizeBytes) });
        return true;
      });
      if (isKept) await directories.writeMark({ holds: [manifest.blobKey], usedBy: null });
      else await store.endAttempt(ref, trace, { outcome: 'superseded' });
    } catch (error) {
      const outcome = watch.signal.aborted ? 'superseded' : 'error';
      await store.endAttempt(ref, trace, { outcome, errorCode: codeOf(watch.signal.aborted ? watch.signal.reason : error) });
      if (!watch.signal.aborted) throw error;
    } finally {
      watch.end();
    }
  };

  const keepOnce = async (ref: SessionRef, stop: AbortController): Promise<void> => {
    try {
      await exclusive(nameOf(ref.sessionId), 0, (lost) => keepUnderLock(ref, lost, stop));
    } catch (error) {
      if (error instanceof RondoError && error.code === 'session.not_found') return;
      options.log.warn({ session: ref.sessionId, code: codeOf(error), error: String(error) }, 'workspace not kept; it is tried again');
    }
  };

  return {
    async bring(ref, generation) {
      // Nobody can have anything to keep or to restore of a session that never had a sandbox.
      if (generation === 1) return markFirst(hostDirectories(home, ref.sessionId, folder));
      running.get(ref.sessionId)?.stop.abort(wantedAgain(ref.sessionId));
      await exclusive(nameOf(ref.sessionId), START_PATIENCE_MS, (lost) => bringUnderLock(ref, generation, AbortSignal.any([lost, closed.signal])));
    },
    async keep(ref) {
      const { sessionId } = ref;
      while (running.size >= AT_ONCE && !running.has(sessionId)) await Promise.race([...running.values()].map(({ done }) => done));
      if (closed.signal.aborted) return;
      const before = running.get(sessionId);
      if (before) return before.done;
      const stop = new AbortController();
      const done = keepOnce(ref, stop).finally(() => running.delete(sessionId));
      running.set(sessionId, { done, stop });
      return done;
    },
    async readKept(ref, path) {
      const checkpoint = await store.locked(ref, (session) => session.findCheckpoint());
      if (!checkpoint) throw new RondoError('file.not_found', `Nothing of the workspace of session ${ref.sessionId} was kept.`);
      return readEntry(await readManifest(checkpoint), path, options.open);
    },
    remove: (sessionId) => exclusive(nameOf(sessionId), 0, () => hostDirectories(home, sessionId, folder).remove()),
    removeMoved: (sessionId, newest) =>
      exclusive(nameOf(sessionId), 0, async () => {
        const directories = hostDirectories(home, sessionId, folder);
        const mark = await directories.readMark();
        if (!mark || !isOutdated(mark, newest)) return false;
        await directories.remove();
        return true;
      }),
    async close() {
      closed.abort(new RondoError('service.unavailable', 'The worker ends.'));
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

/** Whoever comes late with it finds a mark, and leaves it as it is. */
async function markFirst(directories: ReturnType<typeof hostDirectories>): Promise<void> {
  if (!(await directories.readMark())) await directories.writeMark({ holds: [''], usedBy: 1 });
}

const wantedAgain = (sessionId: string): RondoError => new RondoError('step.superseded', `Session ${sessionId} needs its workspace again.`);

/**
 * Whether the directories of this host are the newest there are for a sandbox of this generation: they go on from the newest
 * checkpoint, and nobody has worked elsewhere since. `lastUsed`: the last generation that a call or a file was sent to.
 */
function holdsNewest(mark: Mark | undefined, checkpoint: CheckpointRecord | undefined, generation: number, lastUsed: number | undefined): boolean {
  // Before there were marks, sessions were on one host.
  if (!mark) return checkpoint === undefined;
  const { holds, usedBy } = mark;
  return holds.includes(checkpoint?.blobKey ?? '') && (usedBy === null || usedBy >= generation - 1 || usedBy >= (lastUsed ?? 0));
}

/** Whether a checkpoint was made of something that came after what the directories of this host hold. */
const isOutdated = ({ holds, usedBy }: Mark, { generation, blobKey }: Pick<CheckpointRecord, 'generation' | 'blobKey'>): boolean =>
  usedBy === null ? !holds.includes(blobKey) : generation > usedBy;

const startTrace = (store: SessionStore, ref: SessionRef, kind: Extract<AttemptKind, 'checkpoint' | 'restore'>, generation: number): Promise<string> =>
  store.locked(ref, async (session) => {
    const key = `${kind}:${generation}`;
    const attempt = (await session.attemptsOf(key)).length + 1;
    return session.startAttempt({ turn: session.record.turn, step: decodeFence(session.record.fence).step, kind, name: 'workspace', key, attempt });
  });

const detailOf = (
  { files, bytes, storedBytes, skipped, skippedCount }: Pick<CheckpointRecord, 'files' | 'bytes' | 'storedBytes' | 'skipped' | 'skippedCount'>,
  manifestBytes: number,
) => ({ files, bytes, stored_bytes: storedBytes, manifest_bytes: manifestBytes, skipped: skippedCount, first_skipped: skipped.slice(0, 10) });

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const codeOf = (error: unknown) => (error instanceof RondoError ? error.code : 'internal');
