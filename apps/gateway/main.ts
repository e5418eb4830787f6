import { selectBlobs } from '../../infra/blobs/select-blobs.js';
import { loadConfigOrExit, orExit } from '../../infra/config/config.js';
import { secretsOf } from '../../infra/config/secrets.js';
import { applicationUrl } from '../../infra/postgres/application-url.js';
import { createListener } from '../../infra/postgres/listener.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createLogger } from '../../infra/telemetry/logger.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { createSessionClient } from '../../infra/temporal/session-client.js';
import { sessionSettings } from '../../infra/temporal/session-settings.js';
import { readKeyring } from '../../infra/vault/keyring.js';
import { createSecretBox } from '../../infra/vault/secret-box.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { startGateway } from './gateway.js';

const POOL_SIZE = 20;

const config = loadConfigOrExit();
const keyring = orExit(() => readKeyring(config));
const redact = createRedactor([...secretsOf(config), ...keyring.texts]);
const log = createLogger({ level: config.log.level, name: 'gateway', redact });
const secretBox = createSecretBox({ keyring, learn: redact.learn });
const databaseUrl = applicationUrl(config);
const { address, namespace, taskQueue } = config.temporal;
if (!databaseUrl || !address) {
  log.fatal('RONDO_APP_DATABASE_URL and TEMPORAL_ADDRESS must be set; `npm start` does it for an embedded stack.');
  process.exit(78);
}

const pool = createPool({ url: databaseUrl, size: POOL_SIZE, name: 'rondo-gateway', log });
const listener = createListener({ url: databaseUrl, channels: [CHANNELS.events, CHANNELS.deltas, CHANNELS.work, CHANNELS.workspace], log });
const sessionClient = createSessionClient({ address, namespace, taskQueue, settings: sessionSettings(config), log });
const listening = listener.start();
const gateway = await startGateway({ config, pool, listener, sessionClient, blobs: selectBlobs(config), secretBox, redact, log });
log.info({ url: gateway.url }, 'gateway started');

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ error: error instanceof Error ? error.stack : undefined }, 'gateway did not end cleanly');
        process.exit(1);
      },
    );
  });
}

async function stop(): Promise<void> {
  await gateway.close();
  await listener.close();
  await listening;
  await sessionClient.close();
  await pool.end();
  log.info('gateway ended');
}
