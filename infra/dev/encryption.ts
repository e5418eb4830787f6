import { join } from 'node:path';
import { pino } from 'pino';
import type { Config, Environment } from '../config/config.js';
import { createPool } from '../postgres/pool.js';
import { type Keyring, readKeyring } from '../vault/keyring.js';
import { rewrapSecrets } from '../vault/rewrap-secrets.js';
import { createSecretBox } from '../vault/secret-box.js';
import { keptSecret } from './home.js';

const KEY_BYTES = 32;

/** The key that secrets at rest are encrypted under, as the programs find it: as it was given, or in a file made at the first start. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly environment: Environment;
}

/** Throws `ConfigError` for a key that cannot be used, before a program is started that would. */
export function prepareEncryption({ encryption, paths }: Config): Encryption {
  if (encryption.keys || encryption.keyFile) return { keyring: readKeyring({ encryption }), environment: {} };
  const keyFile = join(paths.home, 'encryption-key');
  keptSecret(keyFile, KEY_BYTES, 'base64');
  return { keyring: readKeyring({ encryption: { keys: undefined, keyFile } }), environment: { RONDO_ENCRYPTION_KEY_FILE: keyFile } };
}

/** Where older keys are still read, takes every secret over to the newest, and says whether the older ones can go. */
export async function takeOverSecrets(keyring: Keyring, appUrl: string, log: (line: string) => void): Promise<void> {
  if (keyring.texts.length < 2) return;
  const pool = createPool({ url: appUrl, size: 1, name: 'rondo-rewrap', log: pino({ level: 'silent' }) });
  try {
    const { rewrapped, unreadable } = await rewrapSecrets({ pool, keyring, secretBox: createSecretBox({ keyring, learn: () => undefined }) });
    for (const sentence of unreadable) log(`Encryption: ${sentence}`);
    const rest = unreadable.length === 0 ? 'the older keys can be removed' : `${unreadable.length} could not be opened, keep the older keys`;
    log(`Encryption: ${rewrapped} secrets were taken over to the newest key; ${rest}.`);
  } finally {
    await pool.end();
  }
}
