import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import type { Environment } from './config.js';

/** What this process was started with, for the programs it starts itself. */
export const processEnvironment = (): Environment => ({ ...process.env });

/** Adds the settings of `.env` in the working directory, if there is one; what the process was started with wins. */
export function addEnvironmentFile(): void {
  if (existsSync('.env')) loadEnvFile('.env');
}
