import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/config.js';
import { Secret } from '../config/secret.js';
import { createKeyring, type Keyring, readKeyring } from './keyring.js';
import { createSecretBox, type SecretContext } from './secret-box.js';

const OLD = Buffer.alloc(32, 1).toString('base64');
const NEW = Buffer.alloc(32, 2).toString('base64');
const TOKEN = 'a token with ünïcode and "quotes"';
const CONTEXT: SecretContext = { workspaceId: 'wrkspc_1', purpose: 'credential.secret', id: 'vcrd_1' };

const boxOf = (keyring: Keyring, learn: (secret: string) => void = () => undefined) => createSecretBox({ keyring, learn });
const box = boxOf(createKeyring(OLD, 'the test'));
const failureOf = (act: () => unknown): Error => {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It did not fail.');
};

describe('a sealed secret', () => {
  it.each(['', TOKEN, 'x'.repeat(100_000)])('opens to what was sealed', (text) => {
    expect(box.open(box.seal(text, CONTEXT), CONTEXT).reveal()).toBe(text);
    expect(box.open(box.seal(new Secret(text), CONTEXT), CONTEXT).reveal()).toBe(text);
  });

  it('looks different each time, and never holds the text', () => {
    const [first, second] = [box.seal(TOKEN, CONTEXT), box.seal(TOKEN, CONTEXT)];
    for (let at = 9; at + 16 <= first.length; at += 1) expect(second.includes(first.subarray(at, at + 16)), `bytes at ${at}`).toBe(false);
    expect(first.includes('token')).toBe(false);
  });

  it('does not open with any bit of any byte changed, nor cut, nor lengthened', () => {
    const sealed = box.seal(TOKEN, CONTEXT);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(
        failureOf(() => box.open(changed, CONTEXT)),
        `byte ${at}`,
      ).toMatchObject({ code: 'secret.unreadable' });
    }
    for (const length of [0, 1, 9, 60, 96, sealed.length - 1]) {
      expect(failureOf(() => box.open(sealed.subarray(0, length), CONTEXT))).toMatchObject({ code: 'secret.unreadable' });
    }
    expect(failureOf(() => box.open(Buffer.concat([sealed, Buffer.of(0)]), CONTEXT))).toMatchObject({ code: 'secret.unreadable' });
  });

  it.each([
    ['row', { id: 'vcrd_2' }],
    ['workspace', { workspaceId: 'wrkspc_2' }],
    ['column', { purpose: 'credential.refresh_token' }],
  ] as const)('does not open in another %s', (_, elsewhere) => {
    expect(failureOf(() => box.open(box.seal(TOKEN, CONTEXT), { ...CONTEXT, ...elsewhere }))).toMatchObject({ code: 'secret.unreadable' });
  });

  it('does not open with the data key of another secret', () => {
    const [first, second] = [box.seal('first', CONTEXT), box.seal('other', CONTEXT)];
    const mixed = Buffer.concat([first.subarray(0, 69), second.subarray(69)]);
    expect(failureOf(() => box.open(mixed, CONTEXT))).toMatchObject({ code: 'secret.unreadable' });
  });

  it('does not open under another key; the error names the row and the key by its id, and holds neither key nor secret', () => {
    const sealed = box.seal(TOKEN, CONTEXT);
    const error = failureOf(() => boxOf(createKeyring(NEW, 'the test')).open(sealed, CONTEXT));
    expect(error.message).toMatch(/vcrd_1 cannot be opened.*key [0-9a-f]{16}, which RONDO_ENCRYPTION_KEY does not have/);
    for (const told of [error.message, inspect(error, { depth: 5 }), error.stack ?? '']) {
      for (const hidden of [OLD, NEW, TOKEN, sealed.toString('hex'), sealed.toString('base64')]) expect(told).not.toContain(hidden);
    }
  });
});

describe('a new key', () => {
  const rotated = boxOf(createKeyring(`${NEW},${OLD}`, 'the test'));
  const withoutOld = boxOf(createKeyring(NEW, 'the test'));

  it('writes, while the old one still reads', () => {
    const sealed = box.seal(TOKEN, CONTEXT);
    expect(rotated.open(sealed, CONTEXT).reveal()).toBe(TOKEN);
    const fresh = rotated.seal(TOKEN, CONTEXT);
    expect(withoutOld.open(fresh, CONTEXT).reveal()).toBe(TOKEN);
    expect(failureOf(() => box.open(fresh, CONTEXT))).toMatchObject({ code: 'secret.unreadable' });
  });

  it('takes over what was sealed before, so that the old one can go', () => {
    const sealed = box.seal(TOKEN, CONTEXT);
    const rewrapped = rotated.rewrap(sealed, CONTEXT);
    expect(rewrapped && withoutOld.open(rewrapped, CONTEXT).reveal()).toBe(TOKEN);
    expect(rewrapped && rotated.rewrap(rewrapped, CONTEXT)).toBeUndefined();
    expect(failureOf(() => rotated.rewrap(sealed, { ...CONTEXT, id: 'vcrd_2' }))).toMatchObject({ code: 'secret.unreadable' });
  });
});

it('tells whoever cleans texts every secret that it seals or opens', () => {
  const learned: string[] = [];
  const telling = boxOf(createKeyring(OLD, 'the test'), (secret) => learned.push(secret));
  const sealed = telling.seal('sealed', CONTEXT);
  telling.open(sealed, CONTEXT);
  expect(learned).toEqual(['sealed', 'sealed']);
});

describe('the keys of an installation', () => {
  const read = (environment: Record<string, string>) => readKeyring(loadConfig(environment));

  it('come from the environment, newest first', () => {
    const keyring = read({ RONDO_ENCRYPTION_KEY: `${NEW}, ${OLD}` });
    expect(keyring.newest.bytes.toString('base64')).toBe(NEW);
    expect(keyring.texts).toEqual([NEW, OLD]);
  });

  it.each([
    [{}, /RONDO_ENCRYPTION_KEY is not set/],
    [{ RONDO_ENCRYPTION_KEY: ' , ' }, /RONDO_ENCRYPTION_KEY does not hold a usable key/],
    [{ RONDO_ENCRYPTION_KEY: `${NEW},${'c2hvcnQ='}` }, /RONDO_ENCRYPTION_KEY does not hold a usable key/],
    [{ RONDO_ENCRYPTION_KEY_FILE: '/nowhere/key' }, /RONDO_ENCRYPTION_KEY_FILE is "\/nowhere\/key", which cannot be read \(ENOENT\)/],
    [{ RONDO_ENCRYPTION_KEY: NEW, RONDO_ENCRYPTION_KEY_FILE: '/nowhere/key' }, /both set/],
  ])('are missed by the name of the variable, never by their text: %#', (environment, message) => {
    const error = failureOf(() => read(environment as Record<string, string>));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(NEW);
  });
});
