import { randomBytes } from 'node:crypto';
import { createKeyring, type Keyring } from '../../infra/vault/keyring.js';
import { createSecretBox, type SecretBox } from '../../infra/vault/secret-box.js';

export const aKey = (): string => randomBytes(32).toString('base64');

/** A keyring of these keys, the newest first; of a fresh one where none is given. */
export const aKeyring = (...keys: readonly string[]): Keyring => createKeyring(keys.join(',') || aKey(), 'the test');

/** A box with nobody to tell what it opens. */
export const aSecretBox = (keyring: Keyring = aKeyring()): SecretBox => createSecretBox({ keyring, learn: () => undefined });
