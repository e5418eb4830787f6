import pg from 'pg';

const TIMEOUT_MS = 2_000;

/** Resolves when Postgres answers a query at that address, within two seconds; rejects otherwise. */
export async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end();
  }
}
