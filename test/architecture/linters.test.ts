import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from './source-tree.js';

/** What a linter must find, so that one that looked at nothing is not taken for a clean tree. */
const PLANTED = {
  'package.json': '{ "name": "planted", "type": "module", "dependencies": { "ulid": "3.0.2" } }\n',
  'apps/worker/main.ts': "import { used } from './parts.js';\n\nconst later = async (): Promise<number> => used;\nlater();\n",
  'apps/worker/parts.ts': 'export const used = 1;\nexport const forgotten = 2;\n',
  'apps/worker/setting.ts': "export const home = process.env['HOME'];\n",
  'apps/worker/untidy.ts': 'export const untidy = "double quotes"\n',
  'workflows/session/clock.ts': 'export const now = (): number => Date.now();\nexport const host = process.pid;\n',
  'workflows/session/reader.ts': "import { readFileSync } from 'node:fs';\n\nexport const read = readFileSync;\n",
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rondo-linters-'));
  for (const [path, text] of Object.entries(PLANTED)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const file of ['biome.json', '.oxlintrc.json', 'knip.json', 'tsconfig.json']) copyFileSync(join(root, file), join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  // A repository of its own, so that what some program ignores in the folder for temporary files does not count here.
  mkdirSync(join(folder, '.git'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** What a tool printed, having failed as it must. */
function complaintsOf(tool: string, ...words: string[]): string {
  const environment = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', tool), words, { cwd: folder, encoding: 'utf8', env: environment });
  expect(status, `${tool} ${words.join(' ')}`).toBe(1);
  return `${stdout}${stderr}`;
}

test('the type-aware lint finds a lost promise, a read of the environment, and what workflow code must not use', () => {
  const complaints = complaintsOf('oxlint', '--format', 'unix', '.');
  expect(complaints).toMatch(/apps\/worker\/main\.ts.*no-floating-promises/);
  expect(complaints).toMatch(/apps\/worker\/setting\.ts.*process\.env.*no-restricted-properties/);
  expect(complaints).toMatch(/workflows\/session\/clock\.ts.*Date\.now.*no-restricted-properties/);
  expect(complaints).toMatch(/workflows\/session\/clock\.ts.*process.*no-restricted-globals/);
  expect(complaints).toMatch(/workflows\/session\/reader\.ts.*node:fs.*no-restricted-imports/);
});

test('the format check finds an untidy file', () => {
  expect(complaintsOf('biome', 'check', '--linter-enabled=false', '--reporter=github', '.')).toMatch(/format.*apps\/worker\/untidy\.ts/);
});

test('the dead code check finds an unused file, export and dependency', () => {
  const complaints = complaintsOf('knip', '--no-progress', '--reporter', 'compact');
  expect(complaints).toMatch(/apps\/worker\/untidy\.ts/);
  expect(complaints).toMatch(/apps\/worker\/parts\.ts: forgotten/);
  expect(complaints).toMatch(/ulid/);
});
