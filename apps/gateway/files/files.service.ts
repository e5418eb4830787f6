import type { Request, Response } from 'express';
import type { BlobStore } from '../../../infra/blobs/blob-store.js';
import type { KeepBlob } from '../../../infra/blobs/keep-blob.js';
import { dropBlob } from '../../../infra/postgres/blobs.repo.js';
import { deleteFile, findFile, findFiles, insertFile, listFiles, withBytes } from '../../../infra/postgres/files.repo.js';
import type { Pool } from '../../../infra/postgres/pool.js';
import { transaction } from '../../../infra/postgres/transaction.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { type FileListQuery, FileUploadFields } from '../../../workflows/contract/schema/file.js';
import { type FilePart, readForm } from '../http/multipart.js';
import { oneWay, readPage } from '../http/page-cursor.js';
import { knownId, notFound } from '../http/path-id.js';
import { sendContent } from '../http/send-content.js';
import { check } from '../http/validation.js';
import { toFileWire } from './file.wire.js';
import { nameUpload } from './uploaded-name.js';

const DEFAULT_LIMIT = 20;
/** Bytes of a form beside its file: boundaries, headers, fields. */
const FORM_OVERHEAD = 65_536;

interface FilesDependencies {
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly keepBlob: KeepBlob;
  readonly maxFileBytes: number;
}

type ReceivedFile = Awaited<ReturnType<KeepBlob>> & ReturnType<typeof nameUpload>;

export class FilesService {
  readonly #parts: FilesDependencies;

  constructor(parts: FilesDependencies) {
    this.#parts = parts;
  }

  /** Streams the form's file into the blob store; a form that turns out broken, or has no good fields, leaves nothing. */
  async upload(workspaceId: string, request: Request) {
    const { pool, maxFileBytes } = this.#parts;
    let received: ReceivedFile | undefined;
    try {
      const fields = await readForm(request, { files: 1, totalBytes: maxFileBytes + FORM_OVERHEAD }, async (part) => {
        received = await this.#receive(workspaceId, part);
      });
      if (!received) throw new RondoError('request.invalid', 'file: is missing; send it as a part of the form, with a filename.');
      const { expires_in_seconds: expiresInSeconds } = check(FileUploadFields, Object.fromEntries(fields));
      const file = { ...received, expiresInSeconds };
      return toFileWire(await transaction(pool, workspaceId, (tx) => insertFile(tx, file)));
    } catch (error) {
      const key = received?.blobKey;
      if (key !== undefined) await transaction(pool, workspaceId, (tx) => dropBlob(tx, key)).catch(() => undefined);
      throw error;
    }
  }

  async #receive(workspaceId: string, part: FilePart): Promise<ReceivedFile> {
    if (part.field !== 'file') throw new RondoError('request.invalid', `${JSON.stringify(part.field)} is not a known field; the file's part is named file.`);
    const named = nameUpload(part);
    return { ...named, ...(await this.#parts.keepBlob(workspaceId, part.content, { maximumBytes: this.#parts.maxFileBytes })) };
  }

  async list(workspaceId: string, query: FileListQuery) {
    const { ids, scope_id: sessionId } = query;
    if (ids) {
      const found = await transaction(this.#parts.pool, workspaceId, (tx) => findFiles(tx, ids));
      return { data: found.filter((file) => sessionId === undefined || file.sessionId === sessionId).map(toFileWire), next_page: null };
    }
    const page = readPage({ limit: query.limit ?? DEFAULT_LIMIT, page: query.page, order: 'desc' });
    const found = await transaction(this.#parts.pool, workspaceId, (tx) => listFiles(tx, page.request, { sessionId }));
    return oneWay(page.toWire(found, toFileWire));
  }

  async retrieve(workspaceId: string, id: string) {
    const file = await transaction(this.#parts.pool, workspaceId, (tx) => findFile(tx, knownId('file', id)));
    if (!file) throw notFound('file', id);
    return toFileWire(file);
  }

  async download(workspaceId: string, id: string, request: Request, response: Response): Promise<void> {
    const { pool, blobs } = this.#parts;
    const file = withBytes(await transaction(pool, workspaceId, (tx) => findFile(tx, knownId('file', id))), id);
    const sent = await sendContent(request, response, { ...file, tag: file.sha256, open: (range) => blobs.open(file.blobKey, range) });
    if (!sent) throw notFound('file', id);
  }

  async delete(workspaceId: string, id: string) {
    if (!(await transaction(this.#parts.pool, workspaceId, (tx) => deleteFile(tx, knownId('file', id))))) throw notFound('file', id);
    return { id, type: 'file_deleted' as const };
  }
}
