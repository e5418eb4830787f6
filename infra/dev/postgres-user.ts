import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** How to run Postgres, which refuses to be root. */
export interface PostgresUser {
  /** Words in front of every Postgres program. */
  readonly prefix: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
}

const OTHERS_MAY_ENTER = 0o001;
const AS_NOBODY = ['unshare', '--user', '--map-user=65534', '--map-group=65534', '--'] as const;

/**
 * An ordinary user runs Postgres as itself. Root runs it as `postgres` or `nobody` where those may reach all of `folders`, else (a
 * checkout under /root, say) in a user namespace, where the same root is called nobody and owns the same files.
 */
export function postgresUser(folders: readonly string[]): PostgresUser {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const user = systemUser('postgres') ?? systemUser('nobody');
  if (user && folders.every((folder) => firstClosed(folder) === undefined)) return { prefix: [], user };
  if (spawnSync(AS_NOBODY[0], [...AS_NOBODY.slice(1), 'true'], { stdio: 'ignore' }).status === 0) return { prefix: AS_NOBODY };
  const closed = folders.flatMap((folder) => firstClosed(folder) ?? [])[0];
  throw new Error(
    `Postgres refuses to run as root, other users may not enter ${closed}, and this system allows no user namespaces. Move the checkout and RONDO_HOME to where others may enter (under /opt, say), or set DATABASE_URL.`,
  );
}

function systemUser(name: string): { uid: number; gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/** The innermost folder on the way that others may not enter. */
function firstClosed(folder: string): string | undefined {
  if ((statSync(folder).mode & OTHERS_MAY_ENTER) === 0) return folder;
  return folder === '/' ? undefined : firstClosed(dirname(folder));
}
