import { pino } from 'pino';
import { loadConfigOrExit, orExit } from '../config/config.js';
import { applicationUrl } from '../postgres/application-url.js';
import { createPool } from '../postgres/pool.js';
import { readKeyring } from '../vault/keyring.js';
import { rewrapSecrets } from '../vault/rewrap-secrets.js';
import { createSecretBox } from '../vault/secret-box.js';

/**
 * The job that takes every secret over to the newest key of RONDO_ENCRYPTION_KEY, in the environment of a gateway. Ends with 1
 * when a secret could not be opened: the older keys must stay then.
 */
const config = loadConfigOrExit();
const keyring = orExit(() => readKeyring(config));
const url = applicationUrl(config);
if (!url) {
  process.stderr.write('RONDO_APP_DATABASE_URL must be set.\n');
  process.exit(78);
}
const pool = createPool({ url, size: 1, name: 'rondo-rewrap', log: pino({ level: 'silent' }) });
try {
  const { rewrapped, unreadable } = await rewrapSecrets({ pool, keyring, secretBox: createSecretBox({ keyring, learn: () => undefined }) });
  for (const sentence of unreadable) process.stderr.write(`${sentence}\n`);
  process.stdout.write(`${rewrapped} secrets are under the newest key now; ${unreadable.length} could not be opened.\n`);
  process.exitCode = unreadable.length === 0 ? 0 : 1;
} finally {
  await pool.end();
}
