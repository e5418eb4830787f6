import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../infra/postgres/migrate.js';
import { testServices } from './services.js';

export interface TestDatabase {
  readonly ownerUrl: string;
  readonly appUrl: string;
  drop(): Promise<void>;
}

/** A migrated database of its own on the running Postgres. */
export async function createDatabase(serverUrl: string = testServices().ownerUrl): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const asOwner = async (statement: string) => {
    const client = new pg.Client({ connectionString: serverUrl });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await asOwner(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const { appUrl } = await migrate(url.href);
  return { ownerUrl: url.href, appUrl, drop: () => asOwner(`drop database ${name} with (force)`) };
}
