import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { RondoError } from '../../workflows/contract/errors.js';
import { Secret } from '../config/secret.js';
import { KEY_ID_BYTES, type Keyring, type WrappingKey } from './keyring.js';

/** The columns that hold sealed secrets; a secret opens only in the column it was sealed for. */
export type SecretPurpose = 'credential.secret' | 'credential.refresh_token' | 'credential.client_secret' | 'resource.token';

/** What a sealed secret is bound to: moved to another row, column or workspace it does not open. */
export interface SecretContext {
  readonly workspaceId: string;
  readonly purpose: SecretPurpose;
  /** Id of the row. */
  readonly id: string;
}

/** Secrets at rest. Rollback of a row to an older sealed value of its own is the one change it cannot notice. */
export interface SecretBox {
  /** Encrypts a secret for one column of one row. */
  seal(plain: Secret | string, context: SecretContext): Buffer;
  /** Decrypts it. Errors: `secret.unreadable`, which names the row and never holds key, ciphertext or secret. */
  open(sealed: Uint8Array, context: SecretContext): Secret;
  /** The same secret under the newest key; `undefined` where it is that already. Errors: `secret.unreadable`. */
  rewrap(sealed: Uint8Array, context: SecretContext): Buffer | undefined;
}

export interface SecretBoxParts {
  readonly keyring: Keyring;
  /** Told every secret that passes in the clear, so that this process's redactor knows it. */
  readonly learn: (secret: string) => void;
}

/**
 * Envelope encryption with AES-256-GCM. Layout, in bytes: 1 version, 8 key id, then the data key (12 nonce, 32 ciphertext,
 * 16 tag) under the key-encryption key, then the secret (12 nonce, n ciphertext, 16 tag) under the data key.
 */
const VERSION = 1;
const NONCE = 12;
const TAG = 16;
const DATA_KEY = 32;
const WRAPPED_AT = 1 + KEY_ID_BYTES;
const BODY_AT = WRAPPED_AT + NONCE + DATA_KEY + TAG;

export function createSecretBox({ keyring, learn }: SecretBoxParts): SecretBox {
  const unwrap = (sealed: Buffer, context: SecretContext): { readonly key: WrappingKey; readonly dataKey: Buffer } => {
    const version = sealed[0];
    if (version !== VERSION || sealed.length < BODY_AT + NONCE + TAG) throw unreadable(context, 'it is not in a format that this version reads');
    const id = sealed.subarray(1, WRAPPED_AT);
    const key = keyring.find(id);
    if (!key) throw unreadable(context, `it was sealed under the key ${id.toString('hex')}, which RONDO_ENCRYPTION_KEY does not have`);
    return { key, dataKey: decrypt(key.bytes, sealed.subarray(WRAPPED_AT, BODY_AT), keyLabel(key, context), context) };
  };

  return {
    seal(plain, context) {
      const text = typeof plain === 'string' ? plain : plain.reveal();
      learn(text);
      const dataKey = randomBytes(DATA_KEY);
      return Buffer.concat([wrap(keyring.newest, dataKey, context), encrypt(dataKey, Buffer.from(text, 'utf8'), bodyLabel(context))]);
    },
    open(bytes, context) {
      const sealed = Buffer.from(bytes);
      const { dataKey } = unwrap(sealed, context);
      const text = decrypt(dataKey, sealed.subarray(BODY_AT), bodyLabel(context), context).toString('utf8');
      learn(text);
      return new Secret(text);
    },
    rewrap(bytes, context) {
      const sealed = Buffer.from(bytes);
      const { key, dataKey } = unwrap(sealed, context);
      if (key.id.equals(keyring.newest.id)) return undefined;
      return Buffer.concat([wrap(keyring.newest, dataKey, context), sealed.subarray(BODY_AT)]);
    },
  };
}

const wrap = (key: WrappingKey, dataKey: Buffer, context: SecretContext): Buffer =>
  Buffer.concat([Buffer.of(VERSION), key.id, encrypt(key.bytes, dataKey, keyLabel(key, context))]);

/** The additional authenticated data. JSON keeps the parts apart; the wrapped key and the secret have labels of their own. */
const keyLabel = (key: WrappingKey, context: SecretContext): Buffer => label('data key', context, key.id.toString('hex'));
const bodyLabel = (context: SecretContext): Buffer => label('secret', context);
const label = (part: string, { workspaceId, purpose, id }: SecretContext, ...more: readonly string[]): Buffer =>
  Buffer.from(JSON.stringify(['rondo', VERSION, part, workspaceId, purpose, id, ...more]));

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer, context: SecretContext): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
  } catch {
    throw unreadable(context, 'it was changed, or belongs to another row or workspace');
  }
}

const unreadable = ({ purpose, id }: SecretContext, why: string): RondoError =>
  new RondoError('secret.unreadable', `The ${purpose} of ${id} cannot be opened: ${why}. Store the secret anew, or give the key that it was sealed under.`);
