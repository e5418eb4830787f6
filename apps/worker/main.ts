import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { loadConfigOrExit, orExit } from '../../infra/config/config.js';
import { secretsOf } from '../../infra/config/secrets.js';
import { applicationUrl } from '../../infra/postgres/application-url.js';
import { removeWorker, reportWorker } from '../../infra/postgres/worker-status.repo.js';
import { createLogger } from '../../infra/telemetry/logger.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { readKeyring } from '../../infra/vault/keyring.js';
import { createSecretBox } from '../../infra/vault/secret-box.js';
import { cleanBlobs } from './blob-cleaner.js';
import { compose } from './compose.js';
import { buildImages } from './image-builder.js';
import { createJanitor } from './janitor.js';
import { endLostWork } from './lost-workers.js';
import { periodically } from './periodic.js';
import { describeSandbox } from './sandbox-status.js';
import { sweep } from './sweeper.js';
import { createWorkerOptions, quietRuntime } from './worker-options.js';
import { createWorkspaceCleaner } from './workspace-cleaner.js';
import { serveWorkspaceRequests } from './workspace-requests.js';

const REPORT_EVERY_MS = 5_000;
const CLEAN_EVERY_MS = 30_000;
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
const secretBox = createSecretBox({ keyring, learn: redact.learn });
const parts = await compose(config, appUrl, address, secretBox, redact, log);
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create(createWorkerOptions({ config, connection, activities: parts.activities }));

const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
const tasks = [
  periodically({
    name: 'report',
    everyMs: REPORT_EVERY_MS,
    log,
    work: async () => reportWorker(parts.pool, { id, ...(await describeSandbox(parts.provider)) }),
  }),
  periodically({ name: 'sweep', everyMs: config.worker.sweepSeconds * 1_000, log, work: () => sweep({ ...parts, log }) }),
  periodically({ name: 'lost workers', everyMs: config.worker.sweepSeconds * 1_000, log, work: () => endLostWork({ ...parts, log }) }),
  periodically({ name: 'blobs', everyMs: CLEAN_EVERY_MS, log, work: () => cleanBlobs({ ...parts, log }) }),
  periodically({ name: 'images', everyMs: IMAGES_EVERY_MS, log, work: () => buildImages({ ...parts, log }) }),
  periodically({ name: 'pool', everyMs: POOL_EVERY_MS, log, work: () => parts.sandboxPool.tend() }),
  periodically({ name: 'clean-up', everyMs: CLEAN_EVERY_MS, log, work: createJanitor({ ...parts, log }) }),
  periodically({
    name: 'workspaces',
    everyMs: CLEAN_EVERY_MS,
    log,
    work: createWorkspaceCleaner({ ...parts, home: config.paths.home, idleMs: config.session.idleCloseSeconds * 1_000, log }),
  }),
];

const endFileRequests = serveWorkspaceRequests({ ...parts, perform: parts.performFileRequest, log });

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => worker.shutdown());
log.info({ id, taskQueue: config.temporal.taskQueue }, 'worker started');
try {
  await worker.run();
} finally {
  await Promise.all([endFileRequests(), ...tasks.map((end) => end())]);
  await removeWorker(parts.pool, id).catch(() => undefined);
  await parts.close();
  await connection.close();
}
log.info({ id }, 'worker ended');
process.exit(0);
