import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cacheFolder } from '../../scripts/setup/settings.mjs';
import { findPythonSet, type PythonSet } from '../../scripts/setup/tools/python.mjs';

const root = process.cwd();

/** How to start Python with one of the sets that set-up installs: the interpreter and the variables it needs. */
export function pythonWith(set: PythonSet): { readonly python: string; readonly environment: Readonly<Record<string, string>> } {
  const found = findPythonSet({ root, cache: cacheFolder(process.env), environment: process.env }, set);
  if (!found) throw new Error(`The Python packages of "${set}" are not installed: run node scripts/setup/main.mjs --for test and see what it says.`);
  const { PATH = '', HOME = '' } = process.env;
  return { python: found.python, environment: { PATH, HOME, PYTHONPATH: found.folder, PYTHONNOUSERSITE: '1', PYTHONUNBUFFERED: '1', PYTHONUTF8: '1' } };
}

/** Runs a program with the Python SDK against a gateway; answers what it printed. */
export async function runPython(file: string, { url, key }: { readonly url: string; readonly key: string }): Promise<string> {
  const { python, environment } = pythonWith('sdk');
  const env = { ...environment, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: key };
  return (await promisify(execFile)(python, [file], { env, timeout: 50_000 })).stdout;
}
