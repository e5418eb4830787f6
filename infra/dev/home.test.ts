import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createKeyring } from '../vault/keyring.js';
import { homeFolder, keptSecret, socketFolder } from './home.js';

let home: string;
const made: string[] = [];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rondo-home-'));
});
afterEach(() => {
  for (const folder of [home, ...made.splice(0)]) rmSync(folder, { recursive: true, force: true });
});

it('makes a data folder that others can pass but not list, with private folders inside', () => {
  const fresh = join(home, 'deep', 'home');
  const mode = (...parts: string[]) => statSync(join(fresh, ...parts)).mode & 0o777;
  for (const name of ['temporal', 'run', 'logs', 'postgres']) homeFolder(fresh, name);
  expect(mode()).toBe(0o711);
  for (const name of ['temporal', 'run', 'logs']) expect(mode(name), name).toBe(0o700);
  expect(mode('postgres') & 0o001).toBe(0o001);
  chmodSync(join(fresh, 'run'), 0o755);
  homeFolder(fresh, 'run');
  expect(mode('run')).toBe(0o700);
});

it('keeps a secret in a file that only its owner can read, and gives the same one each time', () => {
  const file = join(home, 'deep', 'key');
  const secret = keptSecret(file);
  expect(secret).toMatch(/^[\w-]{32}$/);
  expect(keptSecret(file)).toBe(secret);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(createKeyring(keptSecret(join(home, 'encryption-key'), 32, 'base64'), 'the file').texts).toHaveLength(1);
});

it('puts sockets into the data folder where their path is short enough', () => {
  expect(socketFolder(home, 'sock', 20)).toBe(join(home, 'sock'));
});

it('puts sockets into a short folder of its own where the data folder lies deep', () => {
  const deep = join(home, 'a-long-name-of-a-folder'.repeat(5));
  const folder = socketFolder(deep, 'sock', 40);
  made.push(folder);
  expect(Buffer.byteLength(join(folder, 'x'.repeat(40)))).toBeLessThanOrEqual(107);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const other = socketFolder(`${deep}2`, 'sock', 40);
  made.push(other);
  expect(other).not.toBe(folder);
});
