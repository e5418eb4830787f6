import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.js';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

it('the README example drives a session with the official SDK', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/session.ts'], {
    env: { PATH: process.env['PATH'], RONDO_URL: platform.url, RONDO_API_KEY: platform.key },
    timeout: 50_000,
  });
  expect(stdout).toMatch(/→ write\n.*→ bash\n.*→ edit\n.*→ bash\n.*Done\..*tokens in, \d+ out/s);
});

it('the README shows that example as it is', () => {
  const [, code] = readFileSync('examples/session.ts', 'utf8').split(/(?<=see README.md\)\n)/);
  expect(readFileSync('README.md', 'utf8')).toContain(code?.trim());
});
