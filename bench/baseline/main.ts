import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { quietRuntime } from '../../apps/worker/worker-options.js';
import { loadConfigOrExit } from '../../infra/config/config.js';
import { createLogger } from '../../infra/telemetry/logger.js';
import { activities } from './activities.js';
import { BASELINE_QUEUE } from './names.js';

/** A worker that has nothing to do: what its workflows take is Temporal's own cost. */
const {
  temporal,
  log: { level },
} = loadConfigOrExit();
const log = createLogger({ level, name: 'baseline', redact: (text) => text });
if (!temporal.address) throw new Error('TEMPORAL_ADDRESS must be set; the bench sets it.');
Runtime.install(quietRuntime(log));
const connection = await NativeConnection.connect({ address: temporal.address });
const worker = await Worker.create({
  connection,
  namespace: temporal.namespace,
  taskQueue: BASELINE_QUEUE,
  workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
  activities,
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => worker.shutdown());
log.info('baseline started');
await worker.run();
await connection.close();
process.exit(0);
