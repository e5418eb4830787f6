import { createHash, createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

const APP_ROLE = 'rondo_app';
const LOCK_KEY = 7_262_656;
const FOLDER = new URL('./migrations/', import.meta.url);

/**
 * Brings the database up to date and returns the URL of the role the application uses: it may read and write rows, owns
 * nothing, and is subject to row-level security. Safe to run at the same time from several processes.
 * The role gets the password of `appUrl`. Without one the password is derived from the owner's URL, so that there is no
 * second secret to keep; with one the application's processes need not know the owner's URL.
 */
export async function migrate(ownerUrl: string, appUrl = deriveAppUrl(ownerUrl)): Promise<{ appUrl: string }> {
  const { username, password } = new URL(appUrl);
  if (username !== APP_ROLE) throw new Error(`RONDO_APP_DATABASE_URL must name the role ${APP_ROLE}, which the migrations make, and not "${username}".`);
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'rondo-migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await ensureAppRole(client, decodeURIComponent(password));
    await client.query(
      'create table if not exists schema_migrations (version text primary key, checksum text not null, applied_at timestamptz not null default now())',
    );
    for (const file of migrationFiles()) await apply(client, file);
    return { appUrl };
  } finally {
    await client.end();
  }
}

/** The application's URL for a database owner's URL: same server and database, role `rondo_app`. */
export function deriveAppUrl(ownerUrl: string): string {
  const url = new URL(ownerUrl);
  const password = createHmac('sha256', `${url.username}:${url.password}`).update(APP_ROLE).digest('hex');
  url.username = APP_ROLE;
  url.password = password;
  return url.href;
}

interface MigrationFile {
  readonly version: string;
  readonly sql: string;
  readonly checksum: string;
}

function migrationFiles(): MigrationFile[] {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  if (names.length === 0) throw new Error(`No migrations found in ${FOLDER.pathname}`);
  return names.map((name) => {
    const sql = readFileSync(new URL(name, FOLDER), 'utf8');
    return { version: name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

async function ensureAppRole(client: pg.Client, password: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [APP_ROLE]);
  const verb = rowCount === 0 ? 'create' : 'alter';
  await client.query(`${verb} role ${APP_ROLE} login nosuperuser nocreatedb nocreaterole nobypassrls password ${client.escapeLiteral(password)}`);
  await client.query(`grant usage on schema public to ${APP_ROLE}`);
}

async function apply(client: pg.Client, file: MigrationFile): Promise<void> {
  const { rows } = await client.query<{ checksum: string }>('select checksum from schema_migrations where version = $1', [file.version]);
  const known = rows[0];
  if (known) {
    if (known.checksum === file.checksum) return;
    throw new Error(`Migration ${file.version} was applied with other contents; migrations are forward-only: add a new file instead.`);
  }
  try {
    await client.query('begin');
    await client.query('insert into schema_migrations (version, checksum) values ($1, $2)', [file.version, file.checksum]);
    await client.query(file.sql);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new Error(`Migration ${file.version} failed and was rolled back`, { cause: error });
  }
}
