import { createHash } from 'node:crypto';
import pg from 'pg';
import { newId } from '../ids.js';
import type { Db } from './pool.js';
import { only } from './rows.js';

/** Keys and tokens are random and long: they are stored as their plain hash, found by it, and never compared themselves. */
export const hashOfCredential = (credential: string): Buffer => createHash('sha256').update(credential).digest();

/** The workspace a key opens, or `undefined` for an unknown or revoked one. */
export async function findWorkspaceOfKey(db: Db, key: string): Promise<{ keyId: string; workspaceId: string } | undefined> {
  const { rows } = await db.query<{ keyId: string; workspaceId: string }>({
    name: 'workspace_of_key',
    text: 'select key_id as "keyId", workspace_id as "workspaceId" from workspace_of_key($1)',
    values: [hashOfCredential(key)],
  });
  return rows[0];
}

/**
 * Makes sure that a workspace of this name exists and that the key opens it. Needs the connection of the schema's owner;
 * safe to repeat and to run side by side. Only the key's hash is stored.
 */
export async function ensureApiKey(ownerUrl: string, options: { readonly key: string; readonly workspaceName: string }): Promise<{ workspaceId: string }> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'rondo-keys' });
  await client.connect();
  try {
    await client.query('insert into workspaces (id, name) values ($1, $2) on conflict (name) do nothing', [newId('workspace'), options.workspaceName]);
    const { id } = only((await client.query<{ id: string }>('select id from workspaces where name = $1', [options.workspaceName])).rows);
    await client.query('insert into api_keys (id, workspace_id, name, key_hash) values ($1, $2, $3, $4) on conflict (key_hash) do nothing', [
      newId('apiKey'),
      id,
      'first key',
      hashOfCredential(options.key),
    ]);
    const opened = await findWorkspaceOfKey(client, options.key);
    if (opened?.workspaceId !== id) {
      throw new Error(`The given API key is ${opened ? 'the key of another workspace' : 'revoked'}; choose another for workspace "${options.workspaceName}".`);
    }
    return { workspaceId: id };
  } finally {
    await client.end();
  }
}
