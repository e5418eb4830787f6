import { setTimeout as delay } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { BlobStore } from '../../../infra/blobs/blob-store.js';
import type { KeepBlob } from '../../../infra/blobs/keep-blob.js';
import { newId } from '../../../infra/ids.js';
import { dropBlob } from '../../../infra/postgres/blobs.repo.js';
import type { Listener } from '../../../infra/postgres/listener.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { getSession } from '../../../infra/postgres/sessions.repo.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import {
  dropWorkspaceRequest,
  findWorkspaceRequest,
  insertWorkspaceRequest,
  type WorkspaceRequestState,
} from '../../../infra/postgres/workspace-requests.repo.js';
import type { SessionRef } from '../../../workflows/contract/activities.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { mimeTypeOf } from '../../../workflows/contract/media-types.js';
import { CHANNELS } from '../../../workflows/contract/names.js';
import { notFound } from '../http/path-id.js';
import { sendContent } from '../http/send-content.js';
import { untilGone } from '../http/until-gone.js';

/** Milliseconds until a worker must have begun, and until it must be done. */
const BEGIN_WITHIN = 60_000;
const DONE_WITHIN = 15 * 60_000;
/** Milliseconds without a byte after which a sender is taken for gone. */
const STALLED_AFTER = 60_000;
/** A notification may be lost. */
const LOOK_EVERY = 1_000;

interface WorkspaceDependencies {
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly keepBlob: KeepBlob;
  readonly listener: Listener;
  readonly maxFileBytes: number;
}

/** Files of a session's workspace. Gateways have no sandbox: bytes go through the blob store, and a worker takes or brings them. */
export class WorkspaceService {
  readonly #parts: WorkspaceDependencies;
  readonly #waiting = new Map<string, () => void>();

  constructor(parts: WorkspaceDependencies) {
    this.#parts = parts;
    parts.listener.on(CHANNELS.workspace, (id) => this.#waiting.get(id)?.());
    parts.listener.onResync(() => {
      for (const ring of this.#waiting.values()) ring();
    });
  }

  /** Errors: `session.not_found`, `session.terminated`, `request.conflict`, `request.too_large`, `service.unavailable`. */
  async write(ref: SessionRef, path: string, request: Request, response: Response) {
    const { pool, keepBlob, maxFileBytes } = this.#parts;
    const { isOver } = await this.#look(ref);
    if (isOver) throw new RondoError('session.terminated', `Session ${ref.sessionId} is terminated; its workspace can be read, but not written any more.`);
    if (Number(request.headers['content-length'] ?? 0) > maxFileBytes) throw tooLarge(path, maxFileBytes);
    const gone = untilGone(response);
    request.setTimeout(STALLED_AFTER, () => request.destroy());
    const { blobKey, sizeBytes, sha256 } = await keepBlob(ref.workspaceId, request, { maximumBytes: maxFileBytes });
    request.setTimeout(0);
    const id = newId('workspaceRequest');
    try {
      await transaction(pool, ref.workspaceId, (tx) => insertWorkspaceRequest(tx, { id, sessionId: ref.sessionId, kind: 'write', path, blobKey }));
    } catch (error) {
      await transaction(pool, ref.workspaceId, (tx) => dropBlob(tx, blobKey)).catch(() => undefined);
      throw error;
    }
    await this.#answered(ref, id, gone, () => Promise.resolve());
    return { type: 'workspace_file' as const, path, size_bytes: sizeBytes, sha256 };
  }

  /** Errors: `session.not_found`, `file.not_found`, `request.conflict`, `request.too_large`, `request.range_not_satisfiable`, `service.unavailable`. */
  async read(ref: SessionRef, path: string, request: Request, response: Response): Promise<void> {
    const { pool, blobs } = this.#parts;
    await this.#look(ref);
    const gone = untilGone(response);
    const id = newId('workspaceRequest');
    await transaction(pool, ref.workspaceId, (tx) => insertWorkspaceRequest(tx, { id, sessionId: ref.sessionId, kind: 'read', path }));
    await this.#answered(ref, id, gone, async ({ blobKey, sizeBytes, sha256 }) => {
      const missing = () => new RondoError('service.unavailable', `The content of ${path} was not kept long enough to be sent; ask again.`);
      if (blobKey === null || sizeBytes === null || sha256 === null) throw missing();
      const content = {
        filename: path,
        mimeType: mimeTypeOf(path),
        sizeBytes,
        tag: sha256,
        open: (range?: { start: number; end: number }) => blobs.open(blobKey, range),
      };
      if (!(await sendContent(request, response, content))) throw missing();
    });
  }

  async #look({ workspaceId, sessionId }: SessionRef): Promise<{ readonly isOver: boolean }> {
    const session = await transaction(this.#parts.pool, workspaceId, (tx) => getSession(tx, sessionId));
    if (session.environmentType === 'self_hosted') {
      throw new RondoError('request.conflict', `Session ${sessionId} runs in a self-hosted environment: its workspace is at its worker, not here.`);
    }
    return { isOver: session.status === 'terminated' };
  }

  /** Waits for a worker's answer and uses it; then, or when the client has gone, the request is dropped with its blob. */
  async #answered(ref: SessionRef, id: string, gone: AbortSignal, use: (answer: WorkspaceRequestState) => Promise<void>): Promise<void> {
    const { pool } = this.#parts;
    try {
      const answer = await this.#wait(ref, id, gone);
      if (answer.errorCode !== null) throw new RondoError(answer.errorCode, answer.errorMessage ?? '');
      await use(answer);
    } finally {
      await transaction(pool, ref.workspaceId, (tx) => dropWorkspaceRequest(tx, id)).catch(() => undefined);
    }
  }

  async #wait(ref: SessionRef, id: string, gone: AbortSignal): Promise<WorkspaceRequestState> {
    const begin = performance.now();
    for (;;) {
      const rung = new Promise<void>((resolve) => this.#waiting.set(id, resolve));
      try {
        const request = await transaction(this.#parts.pool, ref.workspaceId, (tx) => findWorkspaceRequest(tx, id));
        if (!request) throw notFound('session', ref.sessionId);
        if (request.state === 'done' || request.state === 'failed') return request;
        const waited = performance.now() - begin;
        if (request.state === 'waiting' && waited > BEGIN_WITHIN) {
          throw new RondoError('service.unavailable', `No worker took the request for the workspace of session ${ref.sessionId} within a minute.`);
        }
        if (waited > DONE_WITHIN)
          throw new RondoError('request.timed_out', `The workspace of session ${ref.sessionId} was not ready within a quarter of an hour.`);
        await Promise.race([rung, delay(LOOK_EVERY, undefined, { signal: gone }).catch(() => undefined)]);
        if (gone.aborted) throw new RondoError('request.timed_out', 'The client closed the connection before it was answered.');
      } finally {
        this.#waiting.delete(id);
      }
    }
  }
}

const tooLarge = (path: string, maximum: number): RondoError =>
  new RondoError('request.too_large', `${path}: it is larger than the ${maximum} bytes that are accepted.`);
