import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Config, ConfigError } from '../config/config.js';

const KEY_BYTES = 32;

/** Length of the id that a sealed secret carries of the key that wraps it. */
export const KEY_ID_BYTES = 8;

/** A key-encryption key: it wraps data keys, never a secret itself. */
export interface WrappingKey {
  /** The same in every process that has the key, and says nothing about it. */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

/** The key-encryption keys of an installation. */
export interface Keyring {
  /** Wraps what is written from now on. */
  readonly newest: WrappingKey;
  find(id: Buffer): WrappingKey | undefined;
  /** Every key as it was given, for the redactor. */
  readonly texts: readonly string[];
}

const HOW = '32 random bytes in base64, for example from `openssl rand -base64 32`; after it, separated by commas or lines, older keys that are still read';

/** The keys of `RONDO_ENCRYPTION_KEY` or of the file in `RONDO_ENCRYPTION_KEY_FILE`. Throws `ConfigError`, which names the variable and never the key. */
export function readKeyring({ encryption: { keys, keyFile } }: Pick<Config, 'encryption'>): Keyring {
  if (keys && keyFile) throw new ConfigError(['RONDO_ENCRYPTION_KEY and RONDO_ENCRYPTION_KEY_FILE are both set; set one of them.']);
  if (keys) return createKeyring(keys.reveal(), 'RONDO_ENCRYPTION_KEY');
  if (keyFile) return createKeyring(readKeyFile(keyFile), `The file ${keyFile} of RONDO_ENCRYPTION_KEY_FILE`);
  throw new ConfigError([
    `RONDO_ENCRYPTION_KEY is not set, so no secret can be kept. Set it, or RONDO_ENCRYPTION_KEY_FILE, to ${HOW}. \`npm start\` makes one for an embedded stack.`,
  ]);
}

/** A keyring of the keys in a text, the newest first. `source` names in errors where the text is from. */
export function createKeyring(text: string, source: string): Keyring {
  const texts = text.split(/[\s,]+/).filter((part) => part !== '');
  const keys = texts.map((each) => toKey(each));
  const [newest] = keys;
  if (!newest || keys.includes(undefined)) throw new ConfigError([`${source} does not hold a usable key; accepted is ${HOW}.`]);
  const known = new Map(keys.flatMap((key) => (key ? [[key.id.toString('hex'), key] as const] : [])));
  return { newest, find: (id) => known.get(id.toString('hex')), texts };
}

function toKey(text: string): WrappingKey | undefined {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== KEY_BYTES) return undefined;
  return { id: createHash('sha256').update('rondo key id\0').update(bytes).digest().subarray(0, KEY_ID_BYTES), bytes };
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new ConfigError([`RONDO_ENCRYPTION_KEY_FILE is ${JSON.stringify(file)}, which cannot be read (${code}).`]);
  }
}
