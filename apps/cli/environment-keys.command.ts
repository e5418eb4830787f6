import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, loadConfigOrExit } from '../../infra/config/config.js';
import { say } from './say.js';

/** `rondo environments keys create <environment>`: asks the running gateway for a key and prints it, alone, so that it can be piped. */
export async function createEnvironmentKey(environmentId: string, options: { readonly name?: string }): Promise<void> {
  const config = loadConfigOrExit();
  const url = `${config.http.publicUrl ?? `http://${config.http.host}:${config.http.port}`}/v1/environments/${encodeURIComponent(environmentId)}/keys`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey(config)}`, 'content-type': 'application/json' },
    body: JSON.stringify(options.name === undefined ? {} : { name: options.name }),
  }).catch((cause: unknown) => {
    throw new Error(`No Rondo answers at ${url}: start it with npm start, or set RONDO_PUBLIC_URL.`, { cause });
  });
  const answer = (await response.json()) as { readonly key?: string; readonly error?: { readonly message?: string } };
  if (!response.ok || !answer.key) throw new Error(answer.error?.message ?? `${url} answered ${response.status}.`);
  say(answer.key);
}

/** The configured key, or the one that `npm start` made and keeps. */
function apiKey(config: Config): string {
  if (config.http.apiKey) return config.http.apiKey.reveal();
  const file = join(config.paths.home, 'api-key');
  if (!existsSync(file)) throw new Error(`There is no API key: set RONDO_API_KEY, or start Rondo once, which makes ${file}.`);
  return readFileSync(file, 'utf8').trim();
}
