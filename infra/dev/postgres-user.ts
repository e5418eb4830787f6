import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** How to run Postgres, which refuses to be root. */
export interface PostgresUser {
  /** Words in front of every Postgres program. */
  readonly prefix: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

const OTHERS_MAY_ENTER = 0o001;

/**
 * An ordinary user runs Postgres as itself. Root runs it as `postgres` or `nobody` where those may reach all of `folders`, else (a
 * checkout under /root, say) in a user namespace, where the same root is called nobody and owns the same files.
 */
export function postgresUser(folders: readonly string[]): PostgresUser {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const user = systemUser('postgres') ?? systemUser('nobody');
  if (user && folders.every(isOpenToAll)) return { prefix: [], user };
  return { prefix: ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'] };
}

function systemUser(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

function isOpenToAll(folder: string): boolean {
  const open = (statSync(folder).mode & OTHERS_MAY_ENTER) !== 0;
  return open && (folder === '/' || isOpenToAll(dirname(folder)));
}
