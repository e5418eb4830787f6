import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createOutputPipes } from './output-pipes.js';
import { startShell } from './shell.js';

/** A shell that was started before its variables were known, and what it prints. */
function aShell() {
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'shell-'));
  const shell = startShell({ cwd: directory, scratch: directory, pipes: createOutputPipes(directory), environment: {} });
  onTestFinished(async () => {
    await shell.kill();
    fs.rmSync(directory, { recursive: true, force: true });
  });
  const printed = async (command: string) => {
    const pieces: Buffer[] = [];
    await shell.run(command, (bytes) => pieces.push(Buffer.from(bytes)));
    return Buffer.concat(pieces).toString();
  };
  return { shell, directory, printed };
}

it('variables that come after its start are in the environment of what a shell starts, as they are', async () => {
  const { shell, printed } = aShell();
  const environment = { PLAIN: 'one', QUOTED: `it's $HOME \`x\` "y" \\`, LINES: 'a\n\nb\n', EMPTY: '', RONDO_SHELL: 'forged', PATH: '/usr/bin:/bin' };
  expect(shell.define(environment)).toBe(true);
  const seen = Object.fromEntries(
    (await printed('env -0'))
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const { RONDO_SHELL: _, ...others } = environment;
  expect(seen).toMatchObject(others);
  expect(seen['RONDO_SHELL']).toMatch(/^[0-9a-f]{24}$/);
});

it.each(['IFS', 'PWD', 'PS1', 'GLOBIGNORE', 'BASH_ENV', 'SHELLOPTS', 'UID', 'OPTIND', 'A-B', 'A=B; C'])('%s is not put in afterwards', async (name) => {
  const { shell, printed } = aShell();
  expect(shell.define({ GOOD: 'one', [name]: 'x' })).toBe(false);
  expect(await printed('printenv GOOD || echo nothing')).toBe('nothing\n');
});

it('no room for a file of variables is no reason to fail', async () => {
  const { shell, directory } = aShell();
  fs.mkdirSync(path.join(directory, 'environment'));
  expect(shell.define({ GOOD: 'one' })).toBe(false);
});
