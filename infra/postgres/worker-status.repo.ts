import { toJsonb } from './json.js';
import type { Db } from './pool.js';

/** A worker counts as present when it reported within this time. */
const WORKER_PRESENT_MS = 15_000;

/** What a worker says of itself; the sandbox fields are null while it has no engine. */
export interface WorkerReport {
  readonly id: string;
  readonly engine: string | null;
  readonly runtime: string | null;
  readonly isolation: string | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export type WorkerStatus = Required<WorkerReport> & { readonly seenAt: Date };

/** Records that a worker lives and what its sandbox engine is; workers long gone are forgotten. */
export async function reportWorker(db: Db, report: WorkerReport): Promise<void> {
  await db.query({
    name: 'report_worker',
    text: `with forgotten as (delete from worker_status where seen_at < now() - interval '1 day' and id <> $1)
      insert into worker_status (id, engine, runtime, isolation, detail) values ($1, $2, $3, $4, $5)
      on conflict (id) do update set seen_at = now(), engine = excluded.engine, runtime = excluded.runtime, isolation = excluded.isolation, detail = excluded.detail`,
    values: [report.id, report.engine, report.runtime, report.isolation, toJsonb(report.detail ?? {})],
  });
}

/** A worker that ends on purpose says so. */
export async function removeWorker(db: Db, id: string): Promise<void> {
  await db.query('delete from worker_status where id = $1', [id]);
}

/** The workers that are present. */
export async function readWorkers(db: Db): Promise<WorkerStatus[]> {
  const { rows } = await db.query<WorkerStatus>({
    name: 'read_workers',
    text: `select id, seen_at as "seenAt", engine, runtime, isolation, detail from worker_status
      where seen_at > now() - $1 * interval '1 millisecond' order by id`,
    values: [WORKER_PRESENT_MS],
  });
  return rows;
}
