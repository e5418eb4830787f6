import type { Environment } from './config.js';

/** What this process was started with, for the programs it starts itself. */
export const processEnvironment = (): Environment => ({ ...process.env });
