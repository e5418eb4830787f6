import type { Db } from '../../../infra/postgres/pool.js';
import { readWorkers } from '../../../infra/postgres/worker-status.repo.js';
import { RondoError } from '../../../workflows/contract/errors.js';
import { howToIsolate, type IsolationLevel, isolationReaches } from '../../../workflows/contract/isolation.js';

/**
 * Throws `sandbox.unavailable` when workers are there and none of them can isolate as strongly as is demanded. Without any
 * worker nothing is known yet: the one that comes may be strong enough, and refuses itself when it is not.
 */
export async function refuseWeakIsolation(db: Db, minimum: IsolationLevel): Promise<void> {
  const workers = await readWorkers(db);
  if (workers.length === 0 || workers.some(({ isolation }) => isolationReaches(isolation, minimum))) return;
  const seen = new Set(workers.map(({ engine, runtime, isolation }) => (engine ? `${engine} with ${runtime} (${isolation})` : 'a worker without a sandbox')));
  throw new RondoError(
    'sandbox.unavailable',
    `RONDO_MIN_ISOLATION demands ${minimum}, and no worker has it: there is ${[...seen].join(', ')}. ${howToIsolate(minimum)}`,
  );
}
