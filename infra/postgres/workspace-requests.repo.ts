import type { ErrorCode } from '../../workflows/contract/errors.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import type { SandboxFileRequest } from '../../workflows/contract/sandbox-records.js';
import { takeBlob } from './blobs.repo.js';
import { toText } from './json.js';
import type { Pool } from './pool.js';
import { notify } from './session-store.js';
import type { Transaction } from './transaction.js';

/** How a request stands, for the gateway that waits for it. */
export interface WorkspaceRequestState {
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly blobKey: string | null;
  readonly sizeBytes: number | null;
  readonly sha256: string | null;
  readonly errorCode: ErrorCode | null;
  readonly errorMessage: string | null;
}

export type WorkspaceAnswer =
  | { readonly state: 'done'; readonly read?: { readonly blobKey: string; readonly sizeBytes: number; readonly sha256: string } }
  | { readonly state: 'failed'; readonly errorCode: ErrorCode; readonly errorMessage: string };

const tell = (tx: Transaction, id: string) => notify(tx, CHANNELS.workspace, id);

/** Asks workers for a file, or to write one; the blob of a write is taken. */
export async function insertWorkspaceRequest(
  tx: Transaction,
  request: { readonly id: string; readonly sessionId: string; readonly kind: 'read' | 'write'; readonly path: string; readonly blobKey?: string },
): Promise<void> {
  if (request.blobKey !== undefined) await takeBlob(tx, request.blobKey);
  await tx.query('insert into workspace_requests (id, session_id, workspace_id, kind, path, blob_key) values ($1, $2, $3, $4, $5, $6)', [
    ...[request.id, request.sessionId, tx.workspaceId, request.kind, request.path, request.blobKey ?? null],
  ]);
  await tell(tx, request.id);
}

/** Nothing once the session was deleted. */
export async function findWorkspaceRequest(tx: Transaction, id: string): Promise<WorkspaceRequestState | undefined> {
  const { rows } = await tx.query<WorkspaceRequestState>(
    `select state, blob_key as "blobKey", size_bytes as "sizeBytes", sha256, error_code as "errorCode", error_message as "errorMessage"
     from workspace_requests where id = $1`,
    [id],
  );
  return rows[0];
}

/** The gateway is done with it, or does not want it any more: whoever is at it stops. Its blob is let go. */
export async function dropWorkspaceRequest(tx: Transaction, id: string): Promise<void> {
  await tx.query('delete from workspace_requests where id = $1', [id]);
  await tell(tx, id);
}

/** Takes requests that nobody is at and no other host must do, of all workspaces, for `leaseMs`; ids only. */
export async function claimWorkspaceRequests(
  pool: Pool,
  by: { readonly hostId: string; readonly place: string; readonly holder: string; readonly leaseMs: number; readonly most: number },
): Promise<{ id: string; workspaceId: string }[]> {
  const { rows } = await pool.query<{ id: string; workspaceId: string }>(
    `select id, workspace_id as "workspaceId" from claim_workspace_requests($1, $2, $3, $4 * interval '1 millisecond', $5)`,
    [by.hostId, by.place, by.holder, by.leaseMs, by.most],
  );
  return rows;
}

/** What was taken; nothing when nobody wants it any more. */
export async function readWorkspaceRequest(tx: Transaction, id: string): Promise<SandboxFileRequest | undefined> {
  const { rows } = await tx.query<SandboxFileRequest>(
    `select id, session_id as "sessionId", workspace_id as "workspaceId", kind, path, blob_key as "blobKey", attempt from workspace_requests where id = $1`,
    [id],
  );
  return rows[0];
}

/** False when nobody wants it any more, or somebody else is at it. */
export async function renewWorkspaceRequest(tx: Transaction, id: string, holder: string, leaseMs: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update workspace_requests set lease_until = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and holder = $2 and state = 'running'`,
    [id, holder, leaseMs],
  );
  return rowCount === 1;
}

/** Answers a request, or gives it back to be tried again in a second (`undefined`); nothing when nobody wants it any more, or somebody else is at it. */
export async function answerWorkspaceRequest(tx: Transaction, id: string, holder: string, answer: WorkspaceAnswer | undefined): Promise<void> {
  const read = answer?.state === 'done' ? answer.read : undefined;
  const failure = answer?.state === 'failed' ? answer : undefined;
  const { rowCount } = await tx.query(
    `update workspace_requests set state = coalesce($3, state), holder = null,
       lease_until = case when $3::text is null then clock_timestamp() + interval '1 second' end, size_bytes = $4, sha256 = $5, blob_key = coalesce($6, blob_key),
       error_code = $7, error_message = $8
     where id = $1 and holder = $2 and state = 'running'`,
    [
      ...[id, holder, answer?.state ?? null, read?.sizeBytes ?? null, read?.sha256 ?? null, read?.blobKey ?? null],
      ...[failure?.errorCode ?? null, failure === undefined ? null : toText(failure.errorMessage)],
    ],
  );
  if (rowCount !== 1) return;
  if (read) await takeBlob(tx, read.blobKey);
  await tx.query(`update sandboxes set updated_at = now() where session_id = (select session_id from workspace_requests where id = $1)`, [id]);
  await tell(tx, id);
}

/** Removes what gateways that died have left. */
export const dropOldWorkspaceRequests = async (pool: Pool): Promise<void> => void (await pool.query('select drop_old_workspace_requests()'));

/** Sessions whose sandbox on this host no tool call has used and no request since a while, of all workspaces. */
export async function unusedSandboxes(pool: Pool, hostId: string, idleMs: number): Promise<{ sessionId: string; workspaceId: string; fence: number }[]> {
  const { rows } = await pool.query<{ sessionId: string; workspaceId: string; fence: number }>(
    `select session_id as "sessionId", workspace_id as "workspaceId", fence from unused_sandboxes($1, $2 * interval '1 millisecond')`,
    [hostId, idleMs],
  );
  return rows;
}
