import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import type { Environment } from './config.js';

/** What this process was started with, for the programs it starts itself. */
export const processEnvironment = (): Environment => ({ ...process.env });

/** What a program of others needs to run: where things are, how people here write, how to get out. */
const ORDINARY = /^(PATH|HOME|USER|LANG|LC_ALL|TMPDIR|TZ|SSL_CERT_FILE|SSL_CERT_DIR|XDG_\w+|HTTP_PROXY|HTTPS_PROXY|NO_PROXY|http_proxy|https_proxy|no_proxy)$/;

/** The environment for services that are not ours (Postgres, Temporal, dockerd): none of Rondo's settings, no keys. */
export const serviceEnvironment = (environment: Environment = process.env): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => ORDINARY.test(name)));

/** Adds the settings of `.env` in the working directory, if there is one; what the process was started with wins. */
export function addEnvironmentFile(): void {
  if (existsSync('.env')) loadEnvFile('.env');
}
