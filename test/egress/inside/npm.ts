import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { InsideSession } from './inside.fixture.js';

/** The npm that runs these tests, in a sandbox: it is a program for any Node. Answers how it is called there. */
export async function bringNpm(session: InsideSession): Promise<string> {
  const program = process.env['npm_execpath'];
  if (program === undefined) throw new Error('The tests must run through npm.');
  const folder = path.resolve(path.dirname(program), '..');
  const archive = execFileSync('tar', ['-chzf', '-', '-C', path.dirname(folder), path.basename(folder)], { maxBuffer: 1 << 28 });
  await session.put('npm.tgz', archive);
  await session.run('tar -xzf npm.tgz -C /tmp && rm npm.tgz');
  return `node /tmp/${path.basename(folder)}/bin/npm-cli.js`;
}
