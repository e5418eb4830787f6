import { RondoError } from '../../workflows/contract/errors.js';
import { hasBytes } from '../../workflows/contract/file-content.js';
import type { FileRecord } from '../../workflows/contract/file-records.js';
import { newId } from '../ids.js';
import { dropBlob, takeBlob } from './blobs.repo.js';
import { toText } from './json.js';
import { createFilter, type Page, type PageRequest, type Position, positionOf, toPage } from './page.js';
import type { Pool } from './pool.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** Bytes that are in the blob store already, under a reserved key. */
interface StoredContent {
  readonly filename: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly blobKey: string;
}

const COLUMNS = `id, session_id as "sessionId", origin, filename, mime_type as "mimeType", size_bytes as "sizeBytes", sha256,
  blob_key as "blobKey", created_at as "createdAt", expires_at as "expiresAt"`;

const INSERT = `insert into files (id, workspace_id, session_id, origin, filename, mime_type, size_bytes, sha256, blob_key, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

/** A file of the workspace. */
export const insertFile = (tx: Transaction, file: StoredContent & { readonly expiresInSeconds?: number | undefined }): Promise<FileRecord> =>
  insert(tx, { ...file, sessionId: null, origin: 'upload', expiresAt: file.expiresInSeconds === undefined ? null : inSeconds(file.expiresInSeconds) });

export async function findFile(tx: Transaction, id: string): Promise<FileRecord | undefined> {
  const { rows } = await tx.query<FileRecord>(`select ${COLUMNS} from files where id = $1`, [toText(id)]);
  return rows[0];
}

/** Those of the ids that exist, newest first. */
export async function findFiles(tx: Transaction, ids: readonly string[]): Promise<FileRecord[]> {
  const { rows } = await tx.query<FileRecord>(`select ${COLUMNS} from files where id = any($1) order by created_at desc, id desc`, [ids.map(toText)]);
  return rows;
}

/** Files of a session; without one all of the workspace, those of its sessions included. */
export async function listFiles(tx: Transaction, page: PageRequest, filter: { readonly sessionId?: string | undefined }): Promise<Page<FileRecord>> {
  const where = createFilter();
  where.where(filter.sessionId, (parameter) => `session_id = ${parameter}`);
  where.after('created_at', page);
  const { rows } = await tx.query<FileRecord & { position: Position }>(
    `select ${COLUMNS}, ${positionOf('created_at')} from files ${where.sql}
     order by created_at ${page.order}, id ${page.order} limit ${where.bind(page.limit + 1)}`,
    where.values,
  );
  return toPage(rows, page.limit);
}

/** Whether there was such a file. Its bytes go with the last file that shares them. */
export async function deleteFile(tx: Transaction, id: string): Promise<boolean> {
  return (await tx.query('delete from files where id = $1', [id])).rowCount === 1;
}

/**
 * A copy that belongs to the session, under an id of its own; it shares the bytes, and expires with the original.
 * Errors: `file.not_found`, `file.expired`.
 */
export async function copyFileToSession(tx: Transaction, fileId: string, sessionId: string): Promise<FileRecord> {
  const { rows } = await tx.query<FileRecord>(`select ${COLUMNS} from files where id = $1 for key share`, [toText(fileId)]);
  return insert(tx, { ...withBytes(rows[0], fileId), sessionId, origin: 'copy' });
}

/**
 * What the agent wrote under a name: a new file, or other bytes of the file of that name, which keeps its id. Answers
 * `undefined`, and gives the blob up, when the session has it with these bytes already.
 */
export async function upsertSessionOutput(tx: Transaction, output: StoredContent & { readonly sessionId: string }): Promise<FileRecord | undefined> {
  await takeBlob(tx, output.blobKey);
  const { rows } = await tx.query<FileRecord>(
    `${INSERT} on conflict (session_id, filename) where origin = 'output'
     do update set mime_type = excluded.mime_type, size_bytes = excluded.size_bytes, sha256 = excluded.sha256, blob_key = excluded.blob_key
     where files.sha256 <> excluded.sha256 returning ${COLUMNS}`,
    valuesOf(tx, { ...output, origin: 'output', expiresAt: null }),
  );
  if (rows.length === 0) await dropBlob(tx, output.blobKey);
  return rows[0];
}

/** Gives up the bytes of files that have expired, in all workspaces, and forgets those that expired long ago. */
export async function expireFiles(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>('select id from expire_files()');
  return rows.map(({ id }) => id);
}

export type UsableFile = FileRecord & { readonly blobKey: string };

/** A file that still has its bytes. Errors: `file.not_found`, `file.expired`. */
export function withBytes(file: FileRecord | undefined, id: string): UsableFile {
  if (!file) throw new RondoError('file.not_found', `File ${JSON.stringify(id.slice(0, 100))} does not exist in this workspace.`);
  if (hasBytes(file, new Date())) return file;
  throw new RondoError('file.expired', `File ${id} expired at ${file.expiresAt?.toISOString()}; upload it again.`, { details: { error_code: 'file_expired' } });
}

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

interface NewFile extends StoredContent {
  readonly sessionId: string | null;
  readonly origin: FileRecord['origin'];
  readonly expiresAt: Date | null;
}

async function insert(tx: Transaction, file: NewFile): Promise<FileRecord> {
  await takeBlob(tx, file.blobKey);
  return only((await tx.query<FileRecord>(`${INSERT} returning ${COLUMNS}`, valuesOf(tx, file))).rows);
}

const valuesOf = (tx: Transaction, file: NewFile): unknown[] => [
  newId('file'),
  tx.workspaceId,
  file.sessionId,
  file.origin,
  toText(file.filename),
  toText(file.mimeType),
  file.sizeBytes,
  file.sha256,
  file.blobKey,
  file.expiresAt,
];
