import { readFileSync } from 'node:fs';
import { createAddressGuard } from '../../activities/web/address-guard.js';
import { ConfigError, loadConfigOrExit, orExit } from '../../infra/config/config.js';
import { secretsOf } from '../../infra/config/secrets.js';
import { applicationUrl } from '../../infra/postgres/application-url.js';
import { createListener } from '../../infra/postgres/listener.js';
import { createPool } from '../../infra/postgres/pool.js';
import { createLogger } from '../../infra/telemetry/logger.js';
import { createRedactor } from '../../infra/telemetry/redactor.js';
import { readKeyring } from '../../infra/vault/keyring.js';
import { createPlaceholders } from '../../infra/vault/placeholder.js';
import { createSecretBox } from '../../infra/vault/secret-box.js';
import { CHANNELS } from '../../workflows/contract/names.js';
import { startGateway } from './gateway.js';

const POOL_SIZE = 8;

const config = loadConfigOrExit();
const keyring = orExit(() => readKeyring(config));
const extraCa = orExit(() => readExtraCa(config.egress.upstreamCa));
const redact = createRedactor([...secretsOf(config), ...keyring.texts]);
const log = createLogger({ level: config.log.level, name: 'egress', redact });
const appUrl = applicationUrl(config);
if (!appUrl) {
  log.fatal('RONDO_APP_DATABASE_URL must be set; `npm start` does it for an embedded stack.');
  process.exit(78);
}

const pool = createPool({ url: appUrl, size: POOL_SIZE, name: 'rondo-egress', log });
const listener = createListener({ url: appUrl, channels: [CHANNELS.egress], log });
// Without the database nothing is open, so nobody waits for it here.
void listener.start();
const gateway = await startGateway({
  config,
  pool,
  listener,
  guard: createAddressGuard({ allowPrivate: config.web.allowPrivate }),
  secretBox: createSecretBox({ keyring, learn: redact.learn }),
  placeholders: createPlaceholders(keyring),
  extraCa,
  log,
});
log.info({ folder: gateway.folder }, 'egress gateway started');

let ending = false;
const end = async (): Promise<void> => {
  if (ending) return;
  ending = true;
  await gateway.close();
  await listener.close();
  await pool.end();
  log.info('egress gateway ended');
  process.exit(0);
};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end());

function readExtraCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError([`RONDO_EGRESS_UPSTREAM_CA is ${JSON.stringify(file)}, which cannot be read.`]);
  }
}
