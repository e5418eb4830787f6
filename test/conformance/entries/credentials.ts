import { expect } from 'vitest';
import type { Entries } from '../entry.js';
import { expectRefused } from '../expect-error.js';
import { expectListed } from '../pages.js';
import { expectMoment, expectShape } from '../shape.js';
import { CREDENTIAL, VALIDATION } from '../shapes.js';
import type { World } from '../world.js';

const SECRET = 'never-shown-again';

const newVault = async ({ client, unique }: World) => (await client.beta.vaults.create({ display_name: unique('vault') })).id;

async function withBearer(world: World) {
  const vault_id = await newVault(world);
  const auth = { type: 'static_bearer', mcp_server_url: `https://${world.unique('mcp')}.example.com/mcp`, token: SECRET } as const;
  return { vault_id, auth, credential: await world.client.beta.vaults.credentials.create(vault_id, { auth, display_name: 'A token' }) };
}

async function withOAuth(world: World) {
  const vault_id = await newVault(world);
  const refresh = {
    client_id: 'client',
    refresh_token: SECRET,
    token_endpoint: 'https://login.example.com/token',
    token_endpoint_auth: { type: 'client_secret_post', client_secret: SECRET },
    scope: 'read',
  } as const;
  const auth = { type: 'mcp_oauth', mcp_server_url: 'https://oauth.example.com/mcp', access_token: SECRET, refresh } as const;
  return { vault_id, credential: await world.client.beta.vaults.credentials.create(vault_id, { auth }) };
}

const hidesSecrets = (answer: unknown) => expect(JSON.stringify(answer)).not.toContain(SECRET);

export const credentials: Entries = {
  'vaults.credentials.create': {
    'takes a bearer token and does not show it': async (world) => {
      const { vault_id, auth, credential } = await withBearer(world);
      expectShape(credential, CREDENTIAL);
      expect(credential).toMatchObject({ vault_id, display_name: 'A token', archived_at: null });
      expect(credential.auth).toEqual({ type: 'static_bearer', mcp_server_url: auth.mcp_server_url });
    },
    'takes OAuth tokens and shows none': async (world) => {
      const { credential } = await withOAuth(world);
      expectShape(credential, CREDENTIAL);
      hidesSecrets(credential);
      expect(credential.auth).toMatchObject({
        type: 'mcp_oauth',
        refresh: { client_id: 'client', token_endpoint: 'https://login.example.com/token', token_endpoint_auth: { type: 'client_secret_post' }, scope: 'read' },
      });
    },
    'takes an environment variable and does not show it': async (world) => {
      const auth = { type: 'environment_variable', secret_name: 'TOKEN', secret_value: SECRET, networking: { type: 'unrestricted' } } as const;
      const credential = await world.client.beta.vaults.credentials.create(await newVault(world), { auth });
      hidesSecrets(credential);
      expect(credential.auth).toEqual({
        type: 'environment_variable',
        secret_name: 'TOKEN',
        networking: { type: 'unrestricted' },
        injection_location: { header: true, body: true },
      });
    },
    'refuses a second one for the same server with 409': async (world) => {
      const { vault_id, auth } = await withBearer(world);
      await expectRefused(world.client.beta.vaults.credentials.create(vault_id, { auth }), 409);
    },
  },
  'vaults.credentials.retrieve': {
    'answers what was created, without the secret': async (world) => {
      const { vault_id, credential } = await withBearer(world);
      const found = await world.client.beta.vaults.credentials.retrieve(credential.id, { vault_id });
      expectShape(found, CREDENTIAL);
      expect({ ...found }).toEqual({ ...credential });
    },
    'refuses another vault with 404': async (world) => {
      const { credential } = await withBearer(world);
      await expectRefused(world.client.beta.vaults.credentials.retrieve(credential.id, { vault_id: await newVault(world) }), 404);
    },
  },
  'vaults.credentials.update': {
    'takes a new secret, name and metadata': async (world) => {
      const { vault_id, credential } = await withBearer(world);
      const update = { vault_id, display_name: 'Another name', metadata: { a: '1' }, auth: { type: 'static_bearer', token: `${SECRET}-2` } } as const;
      const updated = await world.client.beta.vaults.credentials.update(credential.id, update);
      expectShape(updated, CREDENTIAL);
      hidesSecrets(updated);
      expect(updated).toMatchObject({ display_name: 'Another name', metadata: { a: '1' }, auth: credential.auth });
    },
    'keeps what of OAuth is not named, and clears the scope': async (world) => {
      const { vault_id, credential } = await withOAuth(world);
      const auth = { type: 'mcp_oauth', refresh: { scope: '' } } as const;
      const updated = await world.client.beta.vaults.credentials.update(credential.id, { vault_id, auth });
      if (updated.auth.type !== 'mcp_oauth') throw new Error('The type of the credential changed.');
      expect(updated.auth.refresh?.scope ?? null).toBeNull();
      expect(updated.auth.refresh).toMatchObject({ client_id: 'client' });
    },
    'refuses another type with 400': async (world) => {
      const { vault_id, credential } = await withBearer(world);
      const auth = { type: 'environment_variable', secret_value: 'x' } as const;
      await expectRefused(world.client.beta.vaults.credentials.update(credential.id, { vault_id, auth }), 400);
    },
  },
  'vaults.credentials.list': {
    'finds every credential once, page by page': async (world) => {
      const { vault_id, auth, credential } = await withBearer(world);
      const second = await world.client.beta.vaults.credentials.create(vault_id, { auth: { ...auth, mcp_server_url: 'https://other.example.com/mcp' } });
      await expectListed(world.client.beta.vaults.credentials.list(vault_id, { limit: 1 }), [credential, second]);
    },
  },
  'vaults.credentials.delete': {
    'removes the credential': async (world) => {
      const { vault_id, credential } = await withBearer(world);
      expect(await world.client.beta.vaults.credentials.delete(credential.id, { vault_id })).toMatchObject({
        id: credential.id,
        type: 'vault_credential_deleted',
      });
      await expectRefused(world.client.beta.vaults.credentials.retrieve(credential.id, { vault_id }), 404);
    },
  },
  'vaults.credentials.archive': {
    'marks the credential and frees its server': async (world) => {
      const { vault_id, auth, credential } = await withBearer(world);
      const archived = await world.client.beta.vaults.credentials.archive(credential.id, { vault_id });
      expectShape(archived, CREDENTIAL);
      expectMoment(archived.archived_at);
      expect((await world.client.beta.vaults.credentials.create(vault_id, { auth })).auth).toEqual(credential.auth);
    },
  },
  'vaults.credentials.mcpOAuthValidate': {
    'answers what it found out': async (world) => {
      const { vault_id, credential } = await withOAuth(world);
      const validation = await world.client.beta.vaults.credentials.mcpOAuthValidate(credential.id, { vault_id });
      expectShape(validation, VALIDATION);
      expect(validation).toMatchObject({ credential_id: credential.id, vault_id, has_refresh_token: true });
      expect(['valid', 'invalid', 'unknown']).toContain(validation.status);
      expectMoment(validation.validated_at);
      hidesSecrets(validation);
    },
  },
};
