import { expect, it } from 'vitest';
import { createKeyring } from './keyring.js';
import { createPlaceholders } from './placeholder.js';

const OLD = Buffer.alloc(32, 1).toString('base64');
const NEW = Buffer.alloc(32, 2).toString('base64');
const placeholders = (...keys: string[]) => createPlaceholders(createKeyring(keys.join(','), 'the test'));

it('is the same in every process with the key, however the key is written, and another for each session, credential and key', () => {
  const one = placeholders(OLD).of('sesn_1', 'vcrd_1');
  expect(one).toMatch(/^rondo_secret_[0-9a-f]{40}$/);
  expect(placeholders(OLD.replace('=', '')).of('sesn_1', 'vcrd_1')).toBe(one);
  expect(
    new Set([one, placeholders(OLD).of('sesn_2', 'vcrd_1'), placeholders(OLD).of('sesn_1', 'vcrd_2'), placeholders(NEW).of('sesn_1', 'vcrd_1')]).size,
  ).toBe(4);
});

it('stays known after a new key', () => {
  const old = placeholders(OLD).of('sesn_1', 'vcrd_1');
  const rotated = placeholders(NEW, OLD);
  expect(rotated.of('sesn_1', 'vcrd_1')).not.toBe(old);
  expect(rotated.all('sesn_1', 'vcrd_1')).toContain(old);
});
