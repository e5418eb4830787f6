import type { SessionRef } from '../../workflows/contract/activities.js';
import { RondoError } from '../../workflows/contract/errors.js';
import { decodeFence } from '../../workflows/contract/fence.js';
import { mimeTypeOf } from '../../workflows/contract/media-types.js';
import type { ActivityRun } from '../boundary.js';
import type { AcquiredSandbox } from '../sandbox/connections.js';
import type { SandboxFile } from '../sandbox/file-transfers.js';
import type { Sandboxes } from '../sandbox/sandboxes.js';
import { MOUNTS_PATH } from '../sandbox/supervisor-command.js';
import type { SessionStore } from '../session/store.port.js';

/** Streams bytes into the blob store. Errors: `request.too_large`, `service.unavailable`, and whatever the source throws. */
export type KeepBytes = (
  workspaceId: string,
  source: AsyncIterable<Uint8Array>,
  options: { readonly maximumBytes: number },
) => Promise<{ readonly blobKey: string; readonly sizeBytes: number; readonly sha256: string }>;

export interface OutputLimits {
  /** Files of one session. */
  readonly files: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes taken at one time. */
  readonly bytes: number;
}

export interface CollectOutputsDependencies {
  readonly store: SessionStore;
  readonly sandboxes: Pick<Sandboxes, 'find'>;
  readonly keepBytes: KeepBytes;
  readonly limits: OutputLimits;
}

const FOLDER = `${MOUNTS_PATH}/session/outputs`;
const LONGEST_NAME = 255;

/**
 * Makes files of the session of what the agent left in its outputs folder: what is new there, or has another size or time than
 * when it was last taken. Every file is recorded by itself, so it may be cut short at any time. A session without a sandbox has
 * nothing to collect. What is left out, because it is too much or has no proper name, is counted in the trace.
 */
export const createCollectOutputs =
  (deps: CollectOutputsDependencies) =>
  async (ref: SessionRef, { signal }: Pick<ActivityRun, 'signal'>): Promise<{ readonly files: number }> => {
    const sandbox = await deps.sandboxes.find(ref);
    if (!sandbox) return { files: 0 };
    const { files: listed, truncated } = await sandbox.client.listFiles(FOLDER);
    const taken = new Map((await deps.store.takenOutputs(ref)).map((output) => [output.path, output]));
    const changed = listed.filter(({ path, sizeBytes, modifiedMs }) => {
      const before = taken.get(path);
      return before?.sizeBytes !== sizeBytes || before.modifiedMs !== Math.round(modifiedMs);
    });
    if (changed.length === 0 && !truncated) return { files: 0 };

    const attemptId = await startTrace(deps.store, ref);
    const count = { collected: 0, skipped: 0, bytes: 0 };
    let failure: unknown;
    try {
      for (const file of changed.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
        signal.throwIfAborted();
        const isNew = !taken.has(file.path);
        const room = Math.min(deps.limits.fileBytes, deps.limits.bytes - count.bytes);
        const fits = isProperName(file.path) && file.sizeBytes <= room && (!isNew || taken.size < deps.limits.files);
        const bytes = fits ? await take(deps, ref, sandbox, file, room, signal) : undefined;
        if (bytes === undefined) count.skipped += 1;
        else {
          count.collected += 1;
          count.bytes += bytes;
          taken.set(file.path, { path: file.path, sizeBytes: file.sizeBytes, modifiedMs: Math.round(file.modifiedMs) });
        }
      }
      return { files: count.collected };
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      const errorCode = failure instanceof RondoError ? failure.code : 'internal';
      await deps.store.endAttempt(ref, attemptId, {
        ...(failure === undefined ? { outcome: 'ok' as const } : { outcome: 'error' as const, errorCode }),
        detail: { ...count, listing_truncated: truncated },
      });
    }
  };

/** Takes one file; answers its bytes, or nothing when it cannot be had (any more) or is too large after all. */
async function take(
  { store, keepBytes }: CollectOutputsDependencies,
  ref: SessionRef,
  { client: files, generation }: AcquiredSandbox,
  file: SandboxFile,
  maximumBytes: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const kept = await keepBytes(ref.workspaceId, files.readFile(`${FOLDER}/${file.path}`, { maximumBytes, signal }), { maximumBytes });
    const seen = { path: file.path, sizeBytes: file.sizeBytes, modifiedMs: Math.round(file.modifiedMs) };
    await store.locked(ref, async (session) => {
      // A host that was taken for dead comes back with what the session has not any more.
      if ((await session.findSandbox())?.generation !== generation) throw new RondoError('step.superseded', `Session ${ref.sessionId} has another sandbox.`);
      await session.saveOutput(seen, { ...kept, filename: file.path, mimeType: mimeTypeOf(file.path) });
    });
    return kept.sizeBytes;
  } catch (error) {
    if (error instanceof RondoError && (error.code === 'sandbox.file_refused' || error.code === 'request.too_large')) return undefined;
    throw error;
  }
}

/** What people can read and headers can carry: no control characters, no other direction of writing, nothing that was no UTF-8. */
const isProperName = (path: string): boolean => path.length <= LONGEST_NAME && !/[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufffd\\]/u.test(path);

const startTrace = (store: SessionStore, ref: SessionRef): Promise<string> =>
  store.locked(ref, async (session) => {
    const { turn, fence } = session.record;
    const key = `outputs:${turn}`;
    const attempt = (await session.attemptsOf(key)).length + 1;
    return session.startAttempt({ turn, step: decodeFence(fence).step, kind: 'resource_mount', name: 'outputs', key, attempt });
  });
