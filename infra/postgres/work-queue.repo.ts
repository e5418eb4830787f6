import { toText } from './json.js';
import { only } from './rows.js';
import type { Transaction } from './transaction.js';

/** The queue of one environment, in numbers. */
export interface WorkQueueStats {
  /** Not offered yet. */
  readonly depth: number;
  /** Offered and not acknowledged. */
  readonly pending: number;
  readonly oldestQueuedAt: Date | null;
  /** Workers that named themselves and asked for work within half a minute. */
  readonly workersPolling: number;
}

export async function readWorkQueue(tx: Transaction, environmentId: string): Promise<WorkQueueStats> {
  const { rows } = await tx.query<WorkQueueStats>(
    `select count(*) filter (where polled_at is null)::integer as depth, count(*) filter (where polled_at is not null)::integer as pending,
       min(queued_at) as "oldestQueuedAt",
       (select count(*)::integer from work_pollers where environment_id = $1 and seen_at > clock_timestamp() - interval '30 seconds') as "workersPolling"
     from work_items where environment_id = $1 and state = 'queued'`,
    [environmentId],
  );
  return only(rows);
}

/** Notes that a worker asked for work; the environment's workers that have not asked for an hour are forgotten. */
export async function notePoller(tx: Transaction, environmentId: string, workerId: string): Promise<void> {
  await tx.query({
    name: 'note_poller',
    text: `with forgotten as (
        delete from work_pollers where ctid in (select ctid from work_pollers
          where environment_id = $1 and worker_id <> $3 and seen_at < clock_timestamp() - interval '1 hour' limit 100 for update skip locked))
      insert into work_pollers (environment_id, workspace_id, worker_id) values ($1, $2, $3)
      on conflict (environment_id, worker_id) do update set seen_at = clock_timestamp()`,
    values: [environmentId, tx.workspaceId, toText(workerId)],
  });
}

export type WorkerLossPolicy = 'unknown' | 'rerun';

/** What becomes of a lost worker's calls: answered as unknown, which is the default, or left for the next worker to run again. */
export async function readWorkerLossPolicy(tx: Transaction, environmentId: string): Promise<WorkerLossPolicy> {
  const { rows } = await tx.query<{ policy: string | null }>(`select config->>'on_worker_loss' as policy from environments where id = $1`, [environmentId]);
  return rows[0]?.policy === 'rerun' ? 'rerun' : 'unknown';
}
