import type { NewOutput, TakenOutput } from '../../workflows/contract/file-records.js';
import { upsertSessionOutput } from './files.repo.js';
import { toText } from './json.js';
import type { Transaction } from './transaction.js';

/** What was taken from a session's outputs folder so far. */
export async function takenOutputs(tx: Transaction, sessionId: string): Promise<TakenOutput[]> {
  const { rows } = await tx.query<TakenOutput>('select path, size_bytes as "sizeBytes", modified_ms as "modifiedMs" from taken_outputs where session_id = $1', [
    sessionId,
  ]);
  return rows;
}

/** Makes it a file of the session, or other bytes of the file of that name, and notes what it looked like. */
export async function saveOutput(tx: Transaction, sessionId: string, seen: TakenOutput, output: NewOutput): Promise<void> {
  await upsertSessionOutput(tx, { ...output, sessionId });
  await tx.query(
    `insert into taken_outputs (session_id, workspace_id, path, size_bytes, modified_ms) values ($1, $2, $3, $4, $5)
     on conflict (session_id, path) do update set size_bytes = excluded.size_bytes, modified_ms = excluded.modified_ms`,
    [sessionId, tx.workspaceId, toText(seen.path), seen.sizeBytes, seen.modifiedMs],
  );
}
