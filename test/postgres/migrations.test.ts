import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deriveAppUrl, migrate } from '../../infra/postgres/migrate.js';
import { testServices } from '../support/services.js';

let server: pg.Client;
const made: string[] = [];

beforeAll(async () => {
  server = new pg.Client({ connectionString: testServices().ownerUrl });
  await server.connect();
});
afterAll(async () => {
  for (const name of made) await server.query(`drop database ${name} with (force)`);
  await server.end();
});

async function emptyDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await server.query(`create database ${name}`);
  made.push(name);
  return Object.assign(new URL(testServices().ownerUrl), { pathname: `/${name}` }).href;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const applied = (url: string) => query(url, 'select version, checksum, applied_at from schema_migrations order by version');

it('applies every migration once, however often it runs', async () => {
  const url = await emptyDatabase();
  const { appUrl } = await migrate(url);
  const first = await applied(url);
  expect(first.length).toBeGreaterThanOrEqual(2);
  expect(await migrate(url)).toEqual({ appUrl });
  expect(await applied(url)).toEqual(first);
  expect(await query(appUrl, 'select current_user')).toEqual([{ current_user: 'rondo_app' }]);
});

it('lets six processes start at the same time', async () => {
  const url = await emptyDatabase();
  const answers = await Promise.all(Array.from({ length: 6 }, () => migrate(url)));
  expect(new Set(answers.map(({ appUrl }) => appUrl))).toEqual(new Set([deriveAppUrl(url)]));
  expect(await query(url, 'select version from schema_migrations group by 1 having count(*) > 1')).toEqual([]);
  expect(await query(url, `select count(*)::int as tables from pg_tables where tablename = 'events'`)).toEqual([{ tables: 1 }]);
});

it('refuses a migration that was edited after it had been applied, and says what to do', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  const before = await applied(url);
  await query(url, `update schema_migrations set checksum = 'of another text' where version = (select min(version) from schema_migrations)`);
  await expect(migrate(url)).rejects.toThrow(/Migration 0001_\w+\.sql was applied with other contents.*add a new file/);
  expect((await applied(url)).map(({ version }) => version)).toEqual(before.map(({ version }) => version));
});

it('leaves nothing of a migration that fails half-way, and applies it when it can', async () => {
  const url = await emptyDatabase();
  await migrate(url);
  await query(url, `delete from schema_migrations where version like '0002%'`);
  await expect(migrate(url)).rejects.toThrow(/0002_\w+\.sql failed and was rolled back/);
  expect((await applied(url)).some(({ version }) => String(version).startsWith('0002'))).toBe(false);
  await query(url, 'drop table worker_status');
  await migrate(url);
  expect((await applied(url)).some(({ version }) => String(version).startsWith('0002'))).toBe(true);
});
