import { createHash } from 'node:crypto';

/** Names the sandboxes of one data folder on an engine that others may use too. */
export const installationOf = (home: string): string => createHash('sha256').update(home).digest('hex').slice(0, 8);
