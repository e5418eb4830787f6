import { createHmac } from 'node:crypto';
import type { Keyring } from './keyring.js';

/** What every placeholder begins with. Letters, digits and underscores only: it passes wherever a token does. */
const PLACEHOLDER_PREFIX = 'rondo_secret_';

/** The texts that sandboxes see in the place of secrets: the same in every process that has the key, and saying nothing. */
export interface Placeholders {
  /** For a new sandbox. `id` is a credential's or a resource's. */
  of(sessionId: string, id: string): string;
  /** Those that sandboxes may still hold: one for each key that is still read. */
  all(sessionId: string, id: string): readonly string[];
}

export function createPlaceholders(keyring: Pick<Keyring, 'texts'>): Placeholders {
  const keys = keyring.texts.map((text) => createHmac('sha256', Buffer.from(text, 'base64')).update('rondo placeholder').digest());
  const derive = (key: Buffer, sessionId: string, id: string): string =>
    `${PLACEHOLDER_PREFIX}${createHmac('sha256', key)
      .update(JSON.stringify([sessionId, id]))
      .digest('hex')
      .slice(0, 40)}`;
  const all = (sessionId: string, id: string) => keys.map((key) => derive(key, sessionId, id));
  return {
    all,
    of: (sessionId, id) => {
      const [newest] = all(sessionId, id);
      if (newest === undefined) throw new Error('A keyring has at least one key.');
      return newest;
    },
  };
}
