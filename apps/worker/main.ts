import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { egressFolder } from '../../activities/sandbox/session-directories.js';
import { loadConfigOrExit, orExit } from '../../infra/config/config.js';
import { becomeAnotherFolder } from '../../infra/config/sandbox-host.js';
import { secretsOf } from '../../infra/config/secrets.js';
import { askGatewayHealth } from '../../infra/egress/gateway-health.js';
import { applicationUrl } from '../../infra/postgres/application-url.js';
import { removeWorker, reportWorker, type WorkerReport } from '../../infra/postgres/worker-status.repo.js';
import { createLogger } from '../../infra/telemetry/logger.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { ensureJanitorSchedule } from '../../infra/temporal/janitor-schedule.js';
import { readKeyring } from '../../infra/vault/keyring.js';
import { compose } from './compose.js';
import { HostNameTaken, keepHostName, takeHostName } from './host-name.js';
import { createImageBuilder } from './image-builder.js';
import { createJanitorActivities } from './janitor-activities.js';
import { endLostWork } from './lost-workers.js';
import { periodically } from './periodic.js';
import { createPolling } from './polling.js';
import { describeSandbox } from './sandbox-status.js';
import { sweep } from './sweeper.js';
import { createHostWorkerOptions, createWorkerOptions, quietRuntime } from './worker-options.js';
import { serveWorkspaceRequests } from './workspace-requests.js';

const REPORT_EVERY_MS = 5_000;
/** A host that is silent for a few of these is taken for dead. */
const BEAT_EVERY_MS = 2_000;
/** Somebody may have deleted it. */
const SCHEDULE_EVERY_MS = 60_000;
const POOL_EVERY_MS = 1_000;
const IMAGES_EVERY_MS = 2_000;

const config = loadConfigOrExit();
const keyring = orExit(() => readKeyring(config));
const redact = createRedactor([...secretsOf(config), ...keyring.texts]);
const log = createLogger({ level: config.log.level, name: 'worker', redact });
const appUrl = applicationUrl(config);
const { address } = config.temporal;
if (!appUrl || !address) {
  log.fatal('RONDO_APP_DATABASE_URL and TEMPORAL_ADDRESS must be set; `npm start` does it for an embedded stack.');
  process.exit(78);
}

Runtime.install(quietRuntime(log));
const parts = await compose(config, appUrl, address, keyring, redact, log);
const connection = await NativeConnection.connect({ address });
const { host } = parts;
const activities = { ...parts.activities, ...createJanitorActivities(parts, config, log) };
let engine: Pick<WorkerReport, 'engine' | 'runtime' | 'isolation'> = { engine: null, runtime: null, isolation: null };
const naming = { db: parts.pool, report: () => ({ ...host, ...engine }), home: config.paths.home, log };
/** Nothing that is done from now on under this name is right: what runs is left to its own, as when a machine dies. */
const giveWay = async (error: unknown): Promise<never> => {
  if (!(error instanceof HostNameTaken)) throw error;
  if (error.isCopy)
    await becomeAnotherFolder(config.paths.home, host).catch((failure: unknown) =>
      log.error({ error: String(failure) }, 'the folder has the id of another one'),
    );
  log.fatal(error.message);
  process.exit(78);
};
// Before anything can be sent there.
await takeHostName(naming).catch(giveWay);
const workers = await Promise.all([
  Worker.create(createWorkerOptions({ config, connection, activities })),
  Worker.create(createHostWorkerOptions({ config, connection, activities, taskQueue: host.taskQueue })),
]);
/** What gets no work does nothing for its sessions, so that others must be free to. */
const polling = createPolling({ connection, namespace: config.temporal.namespace, taskQueue: host.taskQueue, workers, log });
const beat = async () => keepHostName({ ...naming, silentMs: await polling.silentMs() }).catch(giveWay);

const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
const tasks = [
  periodically({
    name: 'report',
    everyMs: REPORT_EVERY_MS,
    log,
    work: async () => {
      const { detail, ...found } = await describeSandbox(parts.provider);
      engine = found;
      const egress = { host: host.id, sandboxes: (await askGatewayHealth(egressFolder(config.paths.home))) ?? null };
      await reportWorker(parts.pool, { id, ...found, detail: { ...detail, egress } });
    },
  }),
  periodically({ name: 'host', everyMs: BEAT_EVERY_MS, log, work: beat }),
  periodically({ name: 'sweep', everyMs: config.worker.sweepSeconds * 1_000, log, work: () => sweep({ ...parts, log }) }),
  periodically({ name: 'lost workers', everyMs: config.worker.sweepSeconds * 1_000, log, work: () => endLostWork({ ...parts, log }) }),
  periodically({ name: 'images', everyMs: IMAGES_EVERY_MS, log, work: createImageBuilder({ ...parts, log }) }),
  periodically({ name: 'pool', everyMs: POOL_EVERY_MS, log, work: () => parts.sandboxPool.tend() }),
  periodically({
    name: 'janitor schedule',
    everyMs: SCHEDULE_EVERY_MS,
    log,
    work: () => ensureJanitorSchedule({ ...config.temporal, address, everyMs: config.worker.janitorSeconds * 1_000 }),
  }),
];

const endFileRequests = serveWorkspaceRequests({ ...parts, perform: parts.performFileRequest, log });

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => workers.map((worker) => worker.shutdown()));
log.info({ id, taskQueue: config.temporal.taskQueue, host: host.id, sandboxes: host.capacity }, 'worker started');
try {
  await Promise.all(workers.map((worker) => worker.run()));
} finally {
  await Promise.all([endFileRequests(), ...tasks.map((end) => end())]);
  await removeWorker(parts.pool, id).catch(() => undefined);
  await parts.close();
  await connection.close();
}
log.info({ id }, 'worker ended');
process.exit(0);
