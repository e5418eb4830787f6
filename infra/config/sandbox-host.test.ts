import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from './config.js';
import { becomeAnotherFolder, placeOf, sandboxHost } from './sandbox-host.js';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-host-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const hostOf = (home: string, id?: string) => sandboxHost(loadConfig({ RONDO_HOME: home, ...(id === undefined ? {} : { RONDO_HOST_ID: id }) }));

it('a data folder keeps its name for every process that serves it', async () => {
  const home = aFolder();
  const [one, two] = await Promise.all([hostOf(home), hostOf(home)]);
  expect(one).toEqual(two);
  expect(await hostOf(home)).toEqual(one);
});

it('two folders that are given one name are told apart', async () => {
  const [one, two] = await Promise.all([hostOf(aFolder(), 'north'), hostOf(aFolder(), 'north')]);
  expect([one.id, two.id]).toEqual(['north', 'north']);
  expect(one.folder).not.toBe(two.folder);
  expect(one.place).not.toBe(two.place);
});

it('a copy has the names of the original, and another place', async () => {
  const home = aFolder();
  const original = await hostOf(home);
  const elsewhere = aFolder();
  cpSync(home, elsewhere, { recursive: true });
  const copy = await hostOf(elsewhere);
  expect([copy.id, copy.folder]).toEqual([original.id, original.folder]);
  expect(copy.place).not.toBe(original.place);
});

it('a machine that was cloned, or started anew, has another place', () => {
  const here = { folder: 'a', boot: 'first', device: 1n, inode: 2n };
  expect(placeOf({ ...here })).toBe(placeOf(here));
  expect(placeOf({ ...here, boot: 'second' })).not.toBe(placeOf(here));
});

it('a copy becomes another folder for good, and the same for all of its processes', async () => {
  const [home, elsewhere] = [aFolder(), aFolder()];
  const original = await hostOf(home);
  cpSync(home, elsewhere, { recursive: true });
  const copy = await hostOf(elsewhere);
  await Promise.all([becomeAnotherFolder(elsewhere, copy), becomeAnotherFolder(elsewhere, copy)]);
  const changed = await hostOf(elsewhere);
  expect([changed.id, changed.folder === original.folder]).toEqual([original.id, false]);
  expect(await hostOf(elsewhere)).toEqual(changed);
  expect(await hostOf(home)).toEqual(original);
});
