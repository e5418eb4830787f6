import type { SessionRef } from '../../workflows/contract/activities.js';
import { type ErrorCode, RondoError } from '../../workflows/contract/errors.js';
import type { SandboxFileRequest } from '../../workflows/contract/sandbox-records.js';
import type { AcquiredSandbox } from '../sandbox/connections.js';
import type { Sandboxes } from '../sandbox/sandboxes.js';
import { WORKSPACE_PATH } from '../sandbox/supervisor-command.js';
import type { LockedSession, SessionStore } from '../session/store.port.js';
import type { Workspaces } from './workspaces.js';

/** Streams bytes into the blob store. Errors: `request.too_large`, `service.unavailable`. */
type KeepBytes = (
  workspaceId: string,
  source: AsyncIterable<Uint8Array>,
  options: { readonly maximumBytes: number },
) => Promise<{ readonly blobKey: string; readonly sizeBytes: number; readonly sha256: string }>;

export interface FileRequestDependencies {
  readonly store: SessionStore;
  readonly sandboxes: Pick<Sandboxes, 'acquire' | 'disconnect'>;
  readonly workspaces: Pick<Workspaces, 'keep' | 'readKept'>;
  readonly keep: KeepBytes;
  readonly open: (key: string) => Promise<AsyncIterable<Uint8Array> | undefined>;
  readonly maximumBytes: number;
}

export type FileAnswer =
  | { readonly state: 'done'; readonly read?: Awaited<ReturnType<KeepBytes>> }
  | { readonly state: 'failed'; readonly errorCode: ErrorCode; readonly errorMessage: string };

const MAXIMUM_ATTEMPTS = 5;

/**
 * Does what a caller asked for with a file of a session's workspace: in its sandbox, which is made if there is none; or, where
 * it has ended and a checkpoint shows how, from that. Nothing is the answer that it should be tried again. Rejects when `signal`
 * ends it.
 */
export const createFileRequests =
  (deps: FileRequestDependencies) =>
  async (request: SandboxFileRequest, signal: AbortSignal): Promise<FileAnswer | undefined> => {
    const ref: SessionRef = { sessionId: request.sessionId, workspaceId: request.workspaceId };
    try {
      if (request.kind === 'write') await write(deps, ref, request, signal);
      else return { state: 'done', read: await read(deps, ref, request, signal) };
      return { state: 'done' };
    } catch (error) {
      signal.throwIfAborted();
      return answerTo(deps, request, error);
    }
  };

async function write(
  { store, sandboxes, open }: FileRequestDependencies,
  ref: SessionRef,
  { path, blobKey }: SandboxFileRequest,
  signal: AbortSignal,
): Promise<void> {
  const source = blobKey === null ? undefined : await open(blobKey);
  if (!source) throw new RondoError('service.unavailable', 'The content that was sent is gone; send it again.');
  const sandbox = await sandboxes.acquire(ref, signal, 'here');
  await sandbox.client.writeFile({ path: `${WORKSPACE_PATH}/${path}`, source, signal });
  await assertNewest(store, ref, sandbox, (session) => session.noteFileSent(sandbox.generation));
}

/** What was done in a sandbox counts if it was the session's to the end: a host that stood still may have talked to one that was replaced. `then` is written under the same lock. */
async function assertNewest(
  store: SessionStore,
  ref: SessionRef,
  { generation }: AcquiredSandbox,
  then?: (session: LockedSession) => Promise<void>,
): Promise<void> {
  await store.locked(ref, async (session) => {
    if ((await session.findSandbox())?.generation !== generation)
      throw new RondoError('sandbox.failed', `Sandbox generation ${generation} of session ${ref.sessionId} has been replaced.`);
    await then?.(session);
  });
}

async function read(deps: FileRequestDependencies, ref: SessionRef, { path }: SandboxFileRequest, signal: AbortSignal) {
  const { maximumBytes, keep } = deps;
  const kept = await openKept(deps, ref, path);
  if (kept) return keep(ref.workspaceId, kept, { maximumBytes });
  const sandbox = await deps.sandboxes.acquire(ref, signal, 'here');
  const content = await keep(ref.workspaceId, sandbox.client.readFile(`${WORKSPACE_PATH}/${path}`, { maximumBytes, signal }), { maximumBytes });
  await assertNewest(deps.store, ref, sandbox);
  return content;
}

/** The file as a checkpoint has it, where that is how the workspace is now. Errors: `file.not_found`, `request.conflict`. */
async function openKept({ store, workspaces }: FileRequestDependencies, ref: SessionRef, path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  const look = () =>
    store.locked(ref, async (session) => {
      const [sandbox, checkpoint] = [await session.findSandbox(), await session.findCheckpoint()];
      const isOver = session.record.status === 'terminated';
      return { isOver, hadSandbox: sandbox !== undefined, isKept: sandbox?.state === 'released' && checkpoint?.generation === sandbox.generation };
    });
  const first = await look();
  // One that has just ended may not have been kept yet.
  if (first.isOver && first.hadSandbox && !first.isKept) await workspaces.keep(ref);
  const { isOver, hadSandbox, isKept } = first.isOver ? await look() : first;
  if (isKept) return workspaces.readKept(ref, `workspace/${path}`);
  if (!isOver) return undefined;
  const why = hadSandbox ? 'its workspace could not be kept yet' : 'it never had a workspace';
  throw new RondoError(hadSandbox ? 'service.unavailable' : 'file.not_found', `Session ${ref.sessionId} is terminated and ${why}.`);
}

const REFUSALS: Readonly<Record<string, readonly [ErrorCode, (path: string) => string]>> = {
  not_found: ['file.not_found', (path) => `There is no file ${path} in the workspace.`],
  exists: ['request.conflict', (path) => `${path} is a directory.`],
  refused: ['request.conflict', (path) => `${path} is no regular file, or lies behind a link or a file; links are not followed.`],
  too_large: ['request.too_large', (path) => `${path} is larger than what can be read at once.`],
  failed: ['request.conflict', (path) => `The sandbox could not do it with ${path}; its disk may be full, or the file is not the agent's.`],
};

function answerTo(deps: FileRequestDependencies, { path, sessionId, attempt }: SandboxFileRequest, error: unknown): FileAnswer | undefined {
  if (!(error instanceof RondoError)) throw error;
  const reason = error.code === 'sandbox.file_refused' ? String(error.details?.['reason']) : '';
  const refusal = REFUSALS[reason];
  if (refusal) return { state: 'failed', errorCode: refusal[0], errorMessage: refusal[1](path) };
  // A connection may have broken because the sandbox was given back, or replaced.
  if (error.code.startsWith('sandbox.')) deps.sandboxes.disconnect(sessionId);
  const mayPass = ['sandbox.failed', 'sandbox.gone', 'sandbox.elsewhere', 'sandbox.file_refused', 'service.unavailable'].includes(error.code);
  if (mayPass && attempt < MAXIMUM_ATTEMPTS) return undefined;
  if (error.code === 'sandbox.elsewhere')
    return { state: 'failed', errorCode: 'service.unavailable', errorMessage: `The hosts do not agree which of them has session ${sessionId}; try again.` };
  const code = error.code === 'step.superseded' ? 'session.terminated' : error.code;
  return { state: 'failed', errorCode: code, errorMessage: code === 'session.terminated' ? `Session ${sessionId} is terminated.` : error.message };
}
