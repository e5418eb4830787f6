import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemSource } from '../../scripts/setup/tools/apt-sources.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-apt-'));
  mkdirSync(join(folder, 'sources.list.d'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('systemSource', () => {
  it('reads the paragraph form, and takes the mirror of the release and not that of its updates', () => {
    const text = [
      '# the main archive',
      'Types: deb deb-src',
      'URIs: https://mirror.example/debian',
      'Suites: trixie trixie-updates',
      'Components: main contrib',
      'Signed-By: /usr/share/keyrings/debian.gpg',
      '',
      'Types: deb',
      'URIs: https://mirror.example/debian-security',
      'Suites: trixie-security',
      'Components: main',
      '',
    ].join('\n');
    writeFileSync(join(folder, 'sources.list.d', 'debian.sources'), text);
    expect(systemSource(folder, 'trixie')).toEqual({
      mirror: 'https://mirror.example/debian',
      suite: 'trixie',
      components: ['main', 'contrib'],
      keyring: '/usr/share/keyrings/debian.gpg',
    });
  });

  it('reads the line form with and without options', () => {
    writeFileSync(join(folder, 'sources.list'), '# deb http://off.example noble main\ndeb http://archive.example/ubuntu noble main universe\n');
    expect(systemSource(folder, 'noble')).toEqual({
      mirror: 'http://archive.example/ubuntu',
      suite: 'noble',
      components: ['main', 'universe'],
      keyring: undefined,
    });
    writeFileSync(join(folder, 'sources.list'), 'deb [arch=amd64 signed-by=/etc/key.gpg] http://archive.example/ubuntu noble main\n');
    expect(systemSource(folder, 'noble')?.keyring).toBe('/etc/key.gpg');
  });

  it('passes over other releases, other archives and those that are switched off', () => {
    writeFileSync(join(folder, 'sources.list'), 'deb http://tools.example nodistro main\ndeb http://old.example bookworm main\n');
    writeFileSync(join(folder, 'sources.list.d', 'a.sources'), 'Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: trixie\nComponents: main\n');
    expect(systemSource(folder, 'trixie')).toBeUndefined();
  });
});
